"""How each kind of object is compared with what there is, and brought there: a file has `plan` and
`carry_out`."""

from collections.abc import Mapping

from services.cli.declared.changes import CarryOut, Plan
from services.cli.declared.objects import alert_configs, baselines, models, routers

OBJECTS: Mapping[str, tuple[Plan, CarryOut]] = {
    "models": (models.plan, models.carry_out),
    "baselines": (baselines.plan, baselines.carry_out),
    "alert_configs": (alert_configs.plan, alert_configs.carry_out),
    "routers": (routers.plan, routers.carry_out),
}
