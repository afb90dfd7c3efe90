"""RouterService, configurations: created, read, listed, changed, shared, deleted."""

from turnout.router.v1 import router_service_pb2 as rpc
from turnout.router.v1.router_pb2 import Router

from services.foundation.call import Call
from services.foundation.errors import InvalidArgument
from services.router.config.defaults import with_defaults
from services.router.config.naming import models_called, models_named
from services.router.config.problems import InvalidConfiguration, Problems
from services.router.config.references import as_written
from services.router.config.resources import ROUTER_KEPT, fresh, naming
from services.router.config.sharing import check_permissions
from services.router.managing import lifecycle
from services.router.managing.aliases import callees
from services.router.managing.asked import asked, named
from services.router.managing.drafting import Known, completed, router_name
from services.router.managing.office import Desk
from services.state import masks
from services.state.names import resource_name

STRATEGIES = [field.name for field in Router.DESCRIPTOR.oneofs_by_name["strategy"].fields]


class Registry(Desk):
    """A mutation reads the stored router, changes a copy, checks the whole, and writes it under its etag."""

    async def CreateRouter(self, request: rpc.CreateRouterRequest, call: Call) -> rpc.CreateRouterResponse:
        """Fill in the defaults, check, store."""
        drafts, how = self.office.drafts, asked(request, call)
        made = await drafts.routers.repeated(how.once)
        if made is None:
            given = request.router_id
            if not (given or request.router.name):
                given = named("router", how, self.office.rng)
            router = with_defaults(fresh(request.router, "routers", given, "router_id"))
            with as_written(request.router), naming(request.router, "routers", "router_id"):
                made = (await drafts.create(router, lifecycle.REGISTERED, how)).message
        return rpc.CreateRouterResponse(router=made, warnings=await drafts.warnings(made))

    async def GetRouter(self, request: rpc.GetRouterRequest, call: Call) -> rpc.GetRouterResponse:
        """Read by name."""
        return rpc.GetRouterResponse(router=await self.office.drafts.routers.read(router_name(request.name)))

    async def ListRouters(self, request: rpc.ListRoutersRequest, call: Call) -> rpc.ListRoutersResponse:
        """A page by name, of those that fit every filter that is given."""
        model = request.model if request.model.startswith("models/") else f"models/{request.model}"
        if request.strategy not in ("", *STRATEGIES):
            said = f"one of {', '.join(STRATEGIES)}; got {request.strategy[:100]!r}"
            raise InvalidArgument(f"strategy: {said}", fields=[("strategy", said)])

        def fits(router: Router) -> bool:
            return (
                (not request.state or router.state == request.state)
                and (not request.tag or request.tag in router.tags)
                and (not request.owner or router.owner == request.owner)
                and (not request.strategy or router.WhichOneof("strategy") == request.strategy)
                and (not request.model or model in (models_called(router) | callees(router).keys()))
            )

        visible = self.office.permissions.visible(call.caller)
        seen_by = "" if call.caller.admin else call.caller.name
        filters = (request.state, request.tag, request.owner, request.strategy, request.model, seen_by)
        page = await self.office.drafts.routers.list(
            request.page_size,
            request.page_token,
            filters="\0".join(map(str, filters)),
            keep=lambda router: fits(router) and visible(router),
            deleted=request.show_deleted,
        )
        return rpc.ListRoutersResponse(routers=page.items, next_page_token=page.next_page_token)

    async def UpdateRouter(self, request: rpc.UpdateRouterRequest, call: Call) -> rpc.UpdateRouterResponse:
        """Change the fields of the mask, and check the whole."""
        drafts, given = self.office.drafts, request.router
        name = resource_name("routers", given.name, "router.name")
        how = asked(request, call, given.etag)
        stored = await drafts.routers.find(name)
        # What it has already is looked up too: its conditions may be about any of their features.
        present = models_called(stored) if stored else set()
        named = models_named(with_defaults(given)) | present
        known = await drafts.known(named, call.caller, name)

        def change(router: Router) -> None:
            named = models_named(router)
            if not request.update_mask.paths:
                _refuse_sharing(router, given)
            masks.update(router, given, request.update_mask.paths, ROUTER_KEPT, root="router")
            completed(router, Known(named | set(known.names), known.aliases, known.models))

        if stored is not None:
            masks.update(stored, given, request.update_mask.paths, ROUTER_KEPT, root="router")
            await drafts.read_ahead(with_defaults(stored), known)
        written = await drafts.configure(name, change, how, known)
        warnings = await drafts.warnings(written.message)
        return rpc.UpdateRouterResponse(router=written.message, warnings=warnings)

    async def UpdatePermissions(
        self, request: rpc.UpdatePermissionsRequest, call: Call
    ) -> rpc.UpdatePermissionsResponse:
        """Say who else may see and use it. No new generation: it decides nothing."""
        if not request.HasField("permissions"):
            said = "is required; write {} for nobody but the owner"
            raise InvalidArgument(f"permissions {said}", fields=[("permissions", said)])
        problems = Problems()
        check_permissions(request.permissions, "permissions", problems)
        problems.settle()
        written = await self.office.drafts.write(
            router_name(request.name),
            lambda router: router.permissions.CopyFrom(request.permissions),
            asked(request, call),
        )
        return rpc.UpdatePermissionsResponse(router=written.message)

    async def DeleteRouter(self, request: rpc.DeleteRouterRequest, call: Call) -> rpc.DeleteRouterResponse:
        """Stop it and delete it softly, in one write."""
        how = asked(request, call)
        written = await self.office.drafts.routers.delete(
            router_name(request.name),
            etag=how.etag,
            once=how.once,
            change=lifecycle.retire,
            validate_only=how.validate_only,
            by=how.by,
        )
        return rpc.DeleteRouterResponse(router=written.message)

    async def UndeleteRouter(
        self, request: rpc.UndeleteRouterRequest, call: Call
    ) -> rpc.UndeleteRouterResponse:
        """Take a deletion back; the router comes back stopped, and its models may be gone or others."""
        how = asked(request, call)
        written = await self.office.drafts.routers.undelete(
            router_name(request.name),
            etag=how.etag,
            once=how.once,
            validate_only=how.validate_only,
            by=how.by,
        )
        written = await self.office.drafts.kept_up(written, how)
        drafts, router = self.office.drafts, written.message
        warnings = await drafts.gone(router) + await drafts.warnings(router)
        return rpc.UndeleteRouterResponse(router=router, warnings=warnings)


def _refuse_sharing(router: Router, given: Router) -> None:
    # Sent back as it was read it is no change; another is its owner's to make.
    if given.HasField("permissions") and given.permissions != router.permissions:
        said = ROUTER_KEPT["permissions"]
        raise InvalidConfiguration(f"router.permissions {said}", fields=[("router.permissions", said)])
