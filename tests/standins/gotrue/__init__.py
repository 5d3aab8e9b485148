"""A stand-in for Supabase Auth that keeps to its wire (supabase/auth 2.196; ``real_gotrue`` runs the real one).

Left out: phones, MFA, passkeys, SSO, hooks, captcha, change of e-mail address, providers other than Google.
"""

from tests.standins.gotrue.app import Gotrue, make_app
from tests.standins.gotrue.google import Account
from tests.standins.gotrue.options import GotrueOptions

__all__ = ["Account", "Gotrue", "GotrueOptions", "make_app"]
