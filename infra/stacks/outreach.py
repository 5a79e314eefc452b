"""What reaches customers: mails, and what is told of them."""

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct
from stemtide.config_schema import Config

from infra.config import Deployment
from infra.constructs.layers import Layers, OutreachLayer
from infra.constructs.mail_notices import MailNotices
from infra.constructs.mail_service import MailService
from infra.constructs.schedules import Schedules
from infra.stacks.api import ApiStack
from infra.stacks.data import DataStack
from infra.stacks.pipeline import PipelineStack


class OutreachStack(Stack):
    """The mail service and SES's notices."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        company: Config,
        data: DataStack,
        pipeline: PipelineStack,
        api: ApiStack,
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        layers = Layers(self, "Layers", deployment=deployment)
        outreach = OutreachLayer(self, "Outreach", deployment=deployment)
        asynchronous = pipeline.asynchronous
        schedules = Schedules(
            self, "Schedules", deployment=deployment, asynchronous=asynchronous, group="outreach"
        )
        common = {"deployment": deployment, "layers": layers, "tables": data.tables}
        notices = MailNotices(self, "MailNotices", **common)
        mail = MailService(
            self,
            "MailService",
            **common,
            outreach=outreach,
            mail=company.mail,
            notices=notices.topic,
            link_keys=api.link_keys.secret,
            api_url=api.url,
            schedules=schedules,
            asynchronous=asynchronous,
        )

        self.mail = mail.function
        self.notices = notices.waiting
        self.functions = [mail.function, notices.function]
        CfnOutput(self, "SesEventsTopic", value=notices.topic.topic_arn)
        CfnOutput(self, "MailFunction", value=mail.function.function_name)
        CfnOutput(self, "NoticeQueue", value=notices.waiting.queue.queue_url)
        CfnOutput(self, "NoticeDeadLetterQueue", value=notices.waiting.given_up.queue_url)
