"""The paths that come with microgen besides the reference; registered as entry points like anybody else's."""
