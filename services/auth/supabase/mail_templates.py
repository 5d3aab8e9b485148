"""``/auth/mail-templates/<name>.html``: what a self-hosted GoTrue fetches to write its mails (supabase/templates)."""

from __future__ import annotations

from pathlib import Path

from flask import Flask, Response

from shared.errors import NotFound

FOLDER = Path(__file__).parents[3] / "supabase" / "templates"
NAMES = ("confirmation", "invite", "magic_link", "recovery")


def install_mail_templates(app: Flask) -> None:
    app.add_url_rule("/auth/mail-templates/<name>.html", view_func=mail_template)


def mail_template(name: str) -> Response:
    if name not in NAMES:
        raise NotFound()
    text = (FOLDER / f"{name}.html").read_bytes()
    return Response(text, mimetype="text/html", headers={"Content-Security-Policy": "sandbox"})
