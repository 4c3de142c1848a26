"""Makes .config, autoconf.h and a CMake file of the symbols from Kconfig files and configuration fragments.

As in Zephyr's own script, a warning is an error: an assignment that has no effect, an unknown symbol.
Usage: configure.py OUTPUT_FOLDER MODULE_FOLDERS(;-separated) FRAGMENT...
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import kconfiglib
import yaml

# The keys of module.yml that Zephyr's schema (scripts/zephyr_module.py) has, as far as modules of this kind use them.
_KEYS = {"name", "build", "samples", "tests"}
_BUILD_KEYS = {"cmake", "kconfig", "depends", "settings"}


def module_lines(folder: Path) -> tuple[str, str]:
    """(name, Kconfig text) of the module in ``folder``."""
    document = yaml.safe_load((folder / "zephyr" / "module.yml").read_text(encoding="utf-8"))
    if set(document) - _KEYS or set(document["build"]) - _BUILD_KEYS:
        sys.exit(f"{folder}: unknown key in module.yml")
    for path, file in (
        (document["build"]["cmake"] + "/CMakeLists.txt", "cmake"),
        (document["build"]["kconfig"], "kconfig"),
    ):
        if not (folder / path).is_file():
            sys.exit(f"{folder}: {file} of module.yml names no file")
    name = document["name"]
    symbol = re.sub("[^a-zA-Z0-9]", "_", name).upper()
    kconfig = (folder / document["build"]["kconfig"]).as_posix()
    return name, f'menu "{name}"\nosource "{kconfig}"\nconfig ZEPHYR_{symbol}_MODULE\n\tbool\n\tdefault y\nendmenu\n'


def main() -> None:
    """Command line."""
    output = Path(sys.argv[1])
    modules = [module_lines(Path(folder)) for folder in sys.argv[2].split(";") if folder]
    snippets = output / "Kconfig.modules"
    snippets.write_text("\n".join(text for _, text in modules), encoding="utf-8")
    os.environ["STUB_MODULES_KCONFIG"] = snippets.as_posix()
    kconfig = kconfiglib.Kconfig(str(Path(__file__).parent.parent / "Kconfig"), warn_to_stderr=False)
    kconfig.warn_assign_undef = kconfig.warn_assign_override = kconfig.warn_assign_redun = True
    for fragment in sys.argv[3:]:
        kconfig.load_config(fragment, replace=False)
    for symbol in kconfig.unique_defined_syms:
        if symbol.user_value is not None and symbol.choice is None:
            wanted = (
                kconfiglib.TRI_TO_STR[symbol.user_value] if isinstance(symbol.user_value, int) else symbol.user_value
            )
            if wanted != symbol.str_value:
                kconfig.warnings.append(f"{symbol.name} was assigned {wanted}, but got {symbol.str_value}")
    if kconfig.warnings:
        sys.exit("\n".join(kconfig.warnings))
    kconfig.write_config(str(output / ".config"))
    kconfig.write_autoconf(str(output / "autoconf.h"))
    values = [s for s in kconfig.unique_defined_syms if s.config_string and s.str_value != "n"]
    lines = [f'set(CONFIG_{s.name} "{s.str_value}")' for s in values]
    names = [name for name, _ in modules]
    (output / "config.cmake").write_text("\n".join([*lines, f"set(STUB_MODULE_NAMES {' '.join(names)})", ""]), "utf-8")


main()
