"""Settings of the feed's tests."""

import pytest


@pytest.fixture(params=["picows", "websockets"])
def transport(request):
    """Each test that takes it runs on both transports."""
    return request.param
