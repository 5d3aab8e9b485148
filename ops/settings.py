"""The settings of a whole run: what each child gets of them is in ops/plan.py."""

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from shared.settings import Settings, Url

PORTS = {
    "pages": "PAGES_PORT",
    "auth": "AUTH_PORT",
    "chat": "CHAT_PORT",
    "websocket": "WEBSOCKET_PORT",
    "postgres": "POSTGRES_PORT",
}


class RunSettings(Settings):
    """Ports of the children, and whose database it is. Children check the rest themselves."""

    port: int = Field(3000, alias="PAGES_PORT", ge=1, le=65535, description="port of the pages")
    auth_port: int = Field(5001, alias="AUTH_PORT", ge=1, le=65535, description="port of the auth service")
    chat_port: int = Field(5002, alias="CHAT_PORT", ge=1, le=65535, description="port of the chat service")
    websocket_port: int = Field(
        5003, alias="WEBSOCKET_PORT", ge=1, le=65535, description="port of the websocket service"
    )
    postgres_port: int = Field(
        54329, alias="POSTGRES_PORT", ge=1, le=65535, description="port of the embedded PostgreSQL"
    )
    public_url: Url | None = Field(None, alias="PUBLIC_URL", description="where people open the pages")  # type: ignore[assignment]
    supabase_url: Url | None = Field(None, alias="SUPABASE_URL", description="a Supabase project")
    database_url: str | None = Field(None, alias="DATABASE_URL", description="a PostgreSQL of your own")
    migrate_database_url: str | None = Field(
        None, alias="MIGRATE_DATABASE_URL", description="the same database with its owner's login"
    )

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.migrate_database_url and self.is_embedded:
            raise ValueError("MIGRATE_DATABASE_URL is set and DATABASE_URL is not: the services need it")
        names: dict[int, str] = {}
        for name, port in self.ports.items():
            if port in names:
                raise ValueError(f"{PORTS[names[port]]} and {PORTS[name]} are both {port}")
            names[port] = name
        return self

    @property
    def is_embedded(self) -> bool:
        """Whether the data is in a PostgreSQL that is started here."""
        return self.database_url is None and self.supabase_url is None

    @property
    def ports(self) -> dict[str, int]:
        """Of every child that is started."""
        ports = {
            "pages": self.port,
            "auth": self.auth_port,
            "chat": self.chat_port,
            "websocket": self.websocket_port,
        }
        return {**ports, "postgres": self.postgres_port} if self.is_embedded else ports

    @property
    def pages_url(self) -> str:
        return self.public_url or f"http://localhost:{self.port}"

    @property
    def reached_at(self) -> str:
        """The host under which processes of this machine reach each other."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        return f"[{host}]" if ":" in host else host

    def local_url(self, name: str) -> str:
        return f"http://{self.reached_at}:{self.ports[name]}"

    def browser_url(self, name: str) -> str:
        """Cookies need pages and services to share a host name, so it is the pages' own."""
        pages = urlsplit(self.pages_url)
        host = f"[{pages.hostname}]" if ":" in (pages.hostname or "") else pages.hostname
        return f"{pages.scheme}://{host}:{self.ports[name]}"
