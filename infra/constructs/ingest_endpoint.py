"""The HTTP edge for events."""

from constructs import Construct
from stemtide.settings import IngestSettings

from infra.config import Deployment
from infra.constructs.event_stream import EventStream
from infra.constructs.function import Function
from infra.constructs.layers import Layers
from infra.constructs.write_keys import WriteKeys


class IngestEndpoint(Construct):
    """Checks calls and writes them to the stream; may read the write keys and nothing else."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        layers: Layers,
        events: EventStream,
        write_keys: WriteKeys,
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = Function(
            self,
            "Function",
            name="ingest",
            deployment=deployment,
            layers=layers,
            settings=IngestSettings(
                event_stream=events.stream.stream_name, write_keys_secret=write_keys.secret.secret_arn
            ),
        )
        self.function.allow(["kinesis:PutRecords"], events.stream.stream_arn)
        self.function.allow(["secretsmanager:GetSecretValue"], write_keys.secret.secret_arn)
