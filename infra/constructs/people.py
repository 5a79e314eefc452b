"""Who may look: people, their groups and how they sign in."""

from aws_cdk import Duration
from aws_cdk import aws_cognito as cognito
from constructs import Construct
from stemtide.access import Role

from infra import nag
from infra.config import Deployment
from infra.constructs.lifetime import removal_of_protected

PASSWORD_CHARS = 12
INVITATION_DAYS = 7
ABOUT = {
    Role.VIEWER: "reads accounts, usage and scores",
    Role.CSM: "a customer success manager: works alerts and accounts",
    Role.ADMIN: "everything, payloads with personal data included",
}


class People(Construct):
    """The user pool: invited people only, one group per role, tokens for the HTTP API."""

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment) -> None:
        super().__init__(scope, construct_id)
        self.pool = cognito.UserPool(
            self,
            "Pool",
            self_sign_up_enabled=False,
            sign_in_aliases=cognito.SignInAliases(email=True),
            sign_in_case_sensitive=False,
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            mfa=cognito.Mfa.REQUIRED if deployment.require_mfa else cognito.Mfa.OPTIONAL,
            mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False),
            password_policy=cognito.PasswordPolicy(
                min_length=PASSWORD_CHARS,
                require_lowercase=True,
                require_uppercase=True,
                require_digits=True,
                require_symbols=True,
                temp_password_validity=Duration.days(INVITATION_DAYS),
            ),
            deletion_protection=deployment.keep_data,
            removal_policy=removal_of_protected(deployment),
        )
        self.client = self.pool.add_client(
            "Client",
            auth_flows=cognito.AuthFlow(user_srp=True, admin_user_password=True),
            generate_secret=False,
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            id_token_validity=Duration.minutes(deployment.token_minutes),
            access_token_validity=Duration.minutes(deployment.token_minutes),
            refresh_token_validity=Duration.days(deployment.refresh_days),
            disable_o_auth=True,
        )
        for rank, role in enumerate((Role.ADMIN, Role.CSM, Role.VIEWER)):
            cognito.CfnUserPoolGroup(
                self,
                role.value.title(),
                user_pool_id=self.pool.user_pool_id,
                group_name=role.value,
                precedence=rank,
                description=ABOUT[role],
            )
        self._acknowledge(deployment)

    def _acknowledge(self, deployment: Deployment) -> None:
        if not deployment.require_mfa:
            nag.acknowledge(
                self.pool,
                "AwsSolutions-COG2",
                reason="everybody may use a one-time password; whether all must is the setting require_mfa",
            )
        nag.acknowledge(
            self.pool,
            "AwsSolutions-COG8",
            reason="the Plus plan is priced per user; people are invited, few, with a strict password policy",
        )
