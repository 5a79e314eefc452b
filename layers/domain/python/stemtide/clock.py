"""One clock for billing, mail, offers and sequences: model time, which a local run may hurry.

Policies speak of days. In an AWS account model time is real time; on a laptop it runs `scale` model seconds
per real second from an anchor on, so that weeks of a sequence pass in seconds. Usage, scores and logs keep
real time.
"""

from dataclasses import dataclass
from typing import Final, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelClock:
    """Model time as a function of real time: at `real_ms` it is `model_ms` (both epoch ms), from there on it
    runs `scale` times as fast."""

    real_ms: int = 0
    model_ms: int = 0
    scale: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """The clock that `str` has written (the setting of a function).

        Raises:
            ValueError: it has not.
        """
        real_ms, model_ms, scale = text.split("/")
        return cls(real_ms=int(real_ms), model_ms=int(model_ms), scale=float(scale))

    def __str__(self) -> str:
        return f"{self.real_ms}/{self.model_ms}/{self.scale!r}"

    def at(self, real_ms: int) -> int:
        """The model instant (epoch ms) of a real one."""
        return self.model_ms + round((real_ms - self.real_ms) * self.scale)

    def real_seconds(self, model_ms: int) -> float:
        """How many real seconds a stretch of model time (ms) takes."""
        return model_ms / 1000 / self.scale

    def rescaled(self, scale: float, *, real_ms: int) -> "ModelClock":
        """The clock that goes on from this one's instant at another pace: model time never goes back."""
        return ModelClock(real_ms=real_ms, model_ms=self.at(real_ms), scale=scale)


REAL_TIME: Final = ModelClock()
