"""The nights of a deployed local stack, and what of them is in the tables and on the bus."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from stemtide.store import clients
from stemtide.store.model_registry import ModelRegistry

from infra.local.home import Home
from tests.e2e.conftest import stemtide
from tests.e2e.stack import Stack


def yesterday() -> str:
    return (datetime.now(UTC) - timedelta(days=1)).date().isoformat()


NIGHT = f"{yesterday()}T23:59:59.999Z"


def later(number: int) -> str:
    """An instant of today: its closed days are those of the night before."""
    return f"{datetime.now(UTC).date()}T00:00:{number:02}.000Z"


def check(run: dict[str, Any], name: str) -> dict[str, Any]:
    """A check of a run's gate."""
    [gate] = [stage for stage in run["stages"] if stage["name"] == "quality_gate"]
    [found] = [one for one in gate["checks"] if one["name"] == name]
    return dict(found)


class Nights:
    """Sweeps by hand and by schedule, the scores they leave, the changes of tier that come to the bus."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.queue = ""

    @property
    def stack(self) -> Stack:
        return Stack.load(self.home.stack_file)

    def table(self, role: str) -> Any:
        facts = self.stack.facts
        resource = clients.dynamodb(
            endpoint_url=facts["endpoint_url"],
            region_name=facts["region"],
            aws_access_key_id="000000000000",
            aws_secret_access_key="test",
        )
        return resource.Table(facts["tables"][role])

    def models(self) -> ModelRegistry:
        return ModelRegistry(self.stack.client("s3"), self.stack.facts["buckets"]["models"])

    def night(self, as_of: str) -> dict[str, Any]:
        """What is known of a night."""
        found = self.table("ingest").get_item(Key={"pk": "sweep-night", "sk": as_of}, ConsistentRead=True)
        return dict(found["Item"])

    def listen(self) -> None:
        """Keep every change of tier that comes to the bus."""
        sqs, events = self.stack.client("sqs"), self.stack.client("events")
        bus = self.stack.facts["event_bus"]
        self.queue = sqs.create_queue(QueueName="overheard")["QueueUrl"]
        asked = {"QueueUrl": self.queue, "AttributeNames": ["QueueArn"]}
        arn = sqs.get_queue_attributes(**asked)["Attributes"]["QueueArn"]
        pattern = json.dumps({"detail-type": ["RiskTierChanged"]})
        events.put_rule(Name="overheard", EventBusName=bus, EventPattern=pattern, State="ENABLED")
        events.put_targets(Rule="overheard", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])

    def overheard(self) -> int:
        """Changes of tier since the last look, when everything in flight has arrived."""
        stemtide(self.home, "drain", "--timeout", "900")
        sqs = self.stack.client("sqs")
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=names)["Attributes"]
        sqs.purge_queue(QueueUrl=self.queue)
        return sum(int(count) for count in found.values())

    def items(self, prefix: str) -> list[dict[str, Any]]:
        """The rows of the accounts table whose sort key begins so."""
        return self._scanned(
            "accounts",
            FilterExpression="begins_with(#item, :prefix)",
            ExpressionAttributeNames={"#item": "item"},
            ExpressionAttributeValues={":prefix": prefix},
        )

    def first_days(self) -> dict[str, str]:
        """The first day of each account's usage."""
        found: dict[str, str] = {}
        for item in self._scanned("usage"):
            if item["day"][:2] == "20":
                found[item["account"]] = min(item["day"][:10], found.get(item["account"], "9"))
        return found

    def _scanned(self, role: str, **asked: Any) -> list[dict[str, Any]]:
        table, page = self.table(role), dict[str, Any]()
        found: list[dict[str, Any]] = []
        while True:
            answer = table.scan(ConsistentRead=True, **asked, **page)
            found += answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return found
            page = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def scores(self) -> dict[str, dict[str, Any]]:
        """By account what its record says of its score."""
        names = ("score", "tier", "as_of", "model_version", "scored_at")
        return {row["account"]: {name: row.get(name) for name in names} for row in self.items("record")}

    def fire(self, scheduled: datetime) -> str:
        """The schedule's firing: the execution."""
        given = json.dumps({"job": "sweep", "scheduled_at": scheduled.isoformat(timespec="seconds")})
        arn = self.stack.facts["state_machines"]["sweep"]
        states = self.stack.client("stepfunctions")
        return str(states.start_execution(stateMachineArn=arn, input=given)["executionArn"])

    def result(self, execution: str) -> dict[str, Any]:
        """What an execution answers when it has come to its end."""
        states, until = self.stack.client("stepfunctions"), time.monotonic() + 900
        while (found := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
            assert time.monotonic() < until, f"{execution} has not come to its end"
            time.sleep(0.3)
        assert found["status"] == "SUCCEEDED", found
        return dict(json.loads(found["output"]))

    def sweep(self, *arguments: str, expect: int = 0) -> dict[str, Any]:
        """`stemtide sweep`."""
        return dict(stemtide(self.home, "sweep", *arguments, expect=expect))
