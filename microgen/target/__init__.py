"""The target side: cross toolchain, emulator, measuring."""
