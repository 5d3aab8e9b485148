"""The settings of a whole run: what each child gets of them is in ops/plan.py."""

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from shared.settings import Settings, Url

PORTS = {
    "pages": "PAGES_PORT",
    "auth": "AUTH_PORT",
    "chat": "CHAT_PORT",
    "websocket": "WEBSOCKET_PORT",
    "postgres": "POSTGRES_PORT",
    "redis": "REDIS_PORT",
    "broker": "KAFKA_PORT",
    "bridge": "BRIDGE_PORT",
}


class RunSettings(Settings):
    """Ports of the children, how many there are, and whose database it is. Children check the rest themselves."""

    port: int = Field(3000, alias="PAGES_PORT", ge=1, le=65535, description="port of the pages")
    auth_port: int = Field(5001, alias="AUTH_PORT", ge=1, le=65535, description="port of the auth service")
    chat_port: int = Field(5002, alias="CHAT_PORT", ge=1, le=65535, description="port of the chat service")
    websocket_port: int = Field(
        5003, alias="WEBSOCKET_PORT", ge=1, le=65535, description="port of the websocket service"
    )
    postgres_port: int = Field(
        54329, alias="POSTGRES_PORT", ge=1, le=65535, description="port of the embedded PostgreSQL"
    )
    redis_port: int = Field(63790, alias="REDIS_PORT", ge=1, le=65535, description="port of the Redis started here")
    kafka_port: int = Field(19092, alias="KAFKA_PORT", ge=1, le=65535, description="port of the broker started here")
    bridge_port: int = Field(5004, alias="BRIDGE_PORT", ge=1, le=65535, description="port of the bridge")
    nodes: int = Field(1, alias="NODES", ge=1, le=64, description="websocket processes, behind one address")
    redis: bool = Field(False, alias="REDIS", description="1 to start a Redis; several nodes bring it along")
    kafka: bool = Field(
        False, alias="KAFKA", description="1 to start a broker that speaks Kafka's API; DELIVERY=kafka brings it along"
    )
    redis_url: SecretStr | None = Field(None, alias="REDIS_URL", description="a Redis of your own")
    kafka_servers: str | None = Field(None, alias="KAFKA_BOOTSTRAP_SERVERS", description="a Kafka of your own")
    delivery: str = Field("direct", alias="DELIVERY", description="direct, or kafka: through the bridge")
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
    def starts_redis(self) -> bool:
        """Several nodes tell each other through it; one that is given is used instead."""
        return self.redis_url is None and (self.redis or self.nodes > 1)

    @property
    def starts_broker(self) -> bool:
        return self.kafka_servers is None and (self.kafka or self.has_bridge)

    @property
    def has_bridge(self) -> bool:
        return self.delivery == "kafka"

    @property
    def ports(self) -> dict[str, int]:
        """Of every child that is started, but for the nodes behind the one address of websocket."""
        ports = {
            "pages": self.port,
            "auth": self.auth_port,
            "chat": self.chat_port,
            "websocket": self.websocket_port,
        }
        others = {
            "postgres": (self.is_embedded, self.postgres_port),
            "redis": (self.starts_redis, self.redis_port),
            "broker": (self.starts_broker, self.kafka_port),
            "bridge": (self.has_bridge, self.bridge_port),
        }
        return ports | {name: port for name, (is_started, port) in others.items() if is_started}

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
