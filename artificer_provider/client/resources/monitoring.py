"""How the models of an engine are, what they can do, and what they were asked to do."""

from __future__ import annotations

from artificer_provider.client._core import (
    C,
    Repeat,
    Request,
    Resource,
    Rest,
    endpoint,
    mutation,
    query,
)
from artificer_provider.client.models.monitoring import (
    CapabilitiesReport,
    CheckedModel,
    CheckModel,
    HealthStatus,
    ModelMonitoring,
    UsageStats,
)
from artificer_provider.client.resources._checked import checked

MONITORING = "/api/monitoring"


class Monitoring(Resource[C]):
    """
    How the models of an engine are, what they can do, and what they were asked to do.

    An engine that cannot tell answers all the same: ``error`` of what comes back then says why (WIRE §5).
    """

    @endpoint
    def get_models(self) -> Request[ModelMonitoring]:
        """Fetch all of it at once: usage, health and capabilities."""
        rest = Rest("GET", f"{MONITORING}/models")
        trpc = query("monitoring.getModelMonitoring")
        return Request("fetching how the models are", ModelMonitoring, rest, trpc)

    @endpoint
    def get_usage(self) -> Request[UsageStats]:
        """Fetch what each model was asked to do: calls, tokens, milliseconds, US dollars."""
        rest = Rest("GET", f"{MONITORING}/usage")
        return Request("fetching the models' usage", UsageStats, rest, query("monitoring.getUsageStats"))

    @endpoint
    def get_health(self) -> Request[HealthStatus]:
        """Fetch how each model was when the engine last asked it."""
        rest = Rest("GET", f"{MONITORING}/health")
        return Request("fetching the models' health", HealthStatus, rest, query("monitoring.getHealthStatus"))

    @endpoint
    def get_capabilities(self) -> Request[CapabilitiesReport]:
        """Fetch what each model can take, in tokens, and what it costs, in US dollars."""
        rest = Rest("GET", f"{MONITORING}/capabilities")
        trpc = query("monitoring.getCapabilities")
        return Request("fetching the models' capabilities", CapabilitiesReport, rest, trpc)

    @endpoint
    def check_model(self, model_id: str) -> Request[CheckedModel]:
        """
        Ask how one model is.

        It costs nothing. The embedded engine asks the model's server; a model that it does not have is
        unhealthy, and ``health.error`` names those that it has. A deployed engine gives what it knows
        already: a model that it never asked, or does not have, is unhealthy since 1970, and ``health.error``
        says "No health check performed" (WIRE §5).

        :param model_id: such as ``openai/gpt-4o-mini``.
        """
        doing = f"checking model {model_id!r}"
        body = checked(CheckModel, doing, model_id=model_id)
        rest = Rest("POST", f"{MONITORING}/check", body=body)
        trpc = mutation("monitoring.checkModelHealth", body)
        return Request(doing, CheckedModel, rest, trpc, Repeat.UNSENT)
