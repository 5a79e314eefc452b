"""AWS clients as the stream's consumers need them."""

from typing import Any, Final

import boto3
from boto3.dynamodb.transform import TransformationInjector
from botocore.config import Config

from stemtide.store.pace import MAX_THREADS

CONFIG: Final = Config(
    max_pool_connections=MAX_THREADS,
    connect_timeout=3,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 3},
)
"""A hung connection must not eat the invocation's time; beyond three attempts the core's own back-off,
which knows the deadline, takes over."""

PATIENT: Final = CONFIG.merge(Config(read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2}))
"""For functions with minutes of time: under load a late answer is worth more than the same request again,
which adds to the load. Fewer tries, because theirs are repeated by the core: three rounds of hung requests
over 50 accounts still end within a scorer's time-out."""

WAITING: Final = CONFIG.merge(Config(read_timeout=50, retries={"mode": "standard", "total_max_attempts": 1}))
"""For calling a function and waiting for its answer: one that starts cold takes seconds, and a second call
beside the first would find the mail claimed and be put off by minutes."""

EDGE: Final = CONFIG.merge(
    Config(connect_timeout=1, read_timeout=6, retries={"mode": "standard", "total_max_attempts": 2})
)
"""For functions with a caller who waits: a request without an answer ends, with both tries, before the
function is cut off, which says *try again in a few seconds* instead of nothing."""

EDGE_ONE_TRY: Final = EDGE.merge(
    Config(read_timeout=5, retries={"mode": "standard", "total_max_attempts": 1})
)
"""For one of them that tries again by itself, in its own rounds."""

BRIEF: Final = CONFIG.merge(
    Config(connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 1})
)
"""For what may be done later or not at all, and must delay nothing."""


def client(service: str, *, config: Config = CONFIG) -> Any:
    """A client of the service."""
    return boto3.client(service, config=config)


def dynamodb(**arguments: Any) -> Any:
    """boto3's DynamoDB resource with a client that threads may share; `arguments` are those of boto3.

    Of its own, a resource numbers the names and values of all conditions by one counter: two threads that
    query at the same moment can get one placeholder for two names, or for two values. The first is refused,
    the second answered: `account = :v0 AND begins_with(item, :v0)` finds nothing, and nothing says so.

    thread 1                    thread 2                    counter
    #n0 = :v0                                               1
                                starts a query              0
    begins_with(#n0, :v0)                                   1
    """
    made = boto3.resource("dynamodb", **arguments)
    made.meta.client.meta.events.register_first("before-parameter-build.dynamodb", _number_by_itself)
    return made


def _number_by_itself(params: dict[str, Any], model: Any, **_: Any) -> None:
    """Write one request's conditions as text, before boto3's shared counter would."""
    TransformationInjector().inject_condition_expressions(params, model)


def table(name: str, *, config: Config = CONFIG) -> Any:
    """A DynamoDB table resource; threads may share its client, not the resource."""
    return dynamodb(config=config).Table(name)
