"""What people may be called: by the rule that groups' names follow too."""

from shared.names import Name, check_name

__all__ = ["Name", "check_name"]
