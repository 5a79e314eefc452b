"""Profiles of accounts: what the producers' `group` calls and the billing facts say of a customer."""

from dataclasses import dataclass
from typing import Any, Final

PROFILE_ITEM: Final = "profile"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountProfiles:
    """Reads profiles from the accounts table (boto3 Table resource)."""

    table: Any

    def csm_of(self, account: str) -> str | None:
        """The e-mail address of the account's csm, None without profile or csm."""
        csm = (self._read(account) or {}).get("csm")
        return csm if isinstance(csm, str) and csm else None

    def exists(self, account: str) -> bool:
        """Whether the account has a profile."""
        return self._read(account) is not None

    def _read(self, account: str) -> dict[str, Any] | None:
        found = self.table.get_item(
            Key={"account": account, "item": PROFILE_ITEM},
            ProjectionExpression="#account, csm",
            ExpressionAttributeNames={"#account": "account"},
        )
        item: dict[str, Any] | None = found.get("Item")
        return item
