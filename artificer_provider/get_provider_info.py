"""What Airflow is told about this provider. Read at discovery, so it imports nothing of Airflow."""

from __future__ import annotations

from artificer_provider.config_options import OPTIONS, SECTION
from artificer_provider.connection_form import BEHAVIOUR, FIELDS

_NAME = "Artificer"


def get_provider_info() -> dict[str, object]:
    """Describe the provider (Airflow's ``provider_info.schema.json``)."""
    return {
        "package-name": "airflow-provider-artificer",
        "name": _NAME,
        "description": "Run AI batch pipelines on Artificer, the AI Workflow Engine.",
        "integrations": [{"integration-name": _NAME, "tags": ["ai"]}],
        "hooks": [{"integration-name": _NAME, "python-modules": ["artificer_provider.hooks.artificer"]}],
        "operators": [
            {
                "integration-name": _NAME,
                "python-modules": [
                    "artificer_provider.operators.batch",
                    "artificer_provider.operators.chain",
                    "artificer_provider.operators.chat",
                    "artificer_provider.operators.estimate",
                    "artificer_provider.operators.export",
                    "artificer_provider.operators.image",
                    "artificer_provider.operators.jobs",
                    "artificer_provider.operators.pdf",
                    "artificer_provider.operators.projects",
                    "artificer_provider.operators.sharded",
                ],
            }
        ],
        "sensors": [{"integration-name": _NAME, "python-modules": ["artificer_provider.sensors.batch"]}],
        "triggers": [
            {
                "integration-name": _NAME,
                "python-modules": [
                    "artificer_provider.triggers.batch",
                    "artificer_provider.triggers.events",
                    "artificer_provider.triggers.wait",
                ],
            }
        ],
        "extra-links": [
            "artificer_provider.links.ArtificerJobLink",
            "artificer_provider.links.ArtificerRowsLink",
        ],
        "notifications": ["artificer_provider.notifications.artificer.ArtificerNotifier"],
        "task-decorators": [
            {
                "name": "artificer_batch",
                "class-name": "artificer_provider.decorators.batch.artificer_batch_task",
            },
            {
                "name": "artificer_chain",
                "class-name": "artificer_provider.decorators.chain.artificer_chain_task",
            },
            {
                "name": "artificer_pdf",
                "class-name": "artificer_provider.decorators.pdf.artificer_pdf_task",
            },
        ],
        "plugins": [
            {"name": "artificer", "plugin-class": "artificer_provider.ui.plugin.ArtificerPlugin"},
        ],
        "connection-types": [
            {
                "connection-type": "artificer",
                "hook-class-name": "artificer_provider.hooks.artificer.ArtificerHook",
                "hook-name": _NAME,
                "ui-field-behaviour": BEHAVIOUR,
                "conn-fields": FIELDS,
            },
        ],
        "config": {
            SECTION: {
                "description": "Settings of the Artificer provider.",
                "options": OPTIONS,
            },
        },
    }
