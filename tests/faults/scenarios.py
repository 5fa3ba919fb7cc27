"""All scenarios; importing this registers them."""

import scenarios_copies  # noqa: F401
import scenarios_damage  # noqa: F401
import scenarios_disks  # noqa: F401
import scenarios_garbage  # noqa: F401
import scenarios_metadata  # noqa: F401
import scenarios_network  # noqa: F401
import scenarios_nodes  # noqa: F401
import scenarios_repair  # noqa: F401
import scenarios_replaced  # noqa: F401
import scenarios_steps  # noqa: F401
