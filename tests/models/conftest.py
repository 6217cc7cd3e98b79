"""One model process for the tests of this folder, because it takes seconds until it has imported litellm."""

from collections.abc import AsyncIterator

import anyio
import pytest

from podium.adapters.models.client import ModelProcess


@pytest.fixture(scope="package")
def anyio_backend() -> str:
    """One event loop for the folder, in which its model process is talked to."""
    return "asyncio"


@pytest.fixture(scope="package")
async def model() -> AsyncIterator[ModelProcess]:
    """A model process that has loaded what it needs."""
    async with anyio.create_task_group() as tasks:
        process = ModelProcess({})
        await tasks.start(process.run)
        await process.warm("anthropic/tiny", "http://127.0.0.1:1")
        yield process
        tasks.cancel_scope.cancel()
