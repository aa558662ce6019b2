"""Whose request it is: behind proxies that the owner trusts, the address that they name."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp import web

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """The networks that `texts` name; a single address is a network of one. ValueError where one is neither."""
    return tuple(ip_network(text) for text in texts)


def seen_through(request: web.Request, trusted: tuple[Network, ...]) -> web.Request:
    """`request` with the sender's address as its `remote`, where a trusted proxy passed it on; else as it is.

    Each proxy adds at the right of X-Forwarded-For whom it heard, so the right-most address that is no trusted
    proxy's is the sender's. What stands left of it is the sender's own and may be anything.
    """
    nearest = _address(request.remote or "")
    if nearest is None or not _among(nearest, trusted):
        return request
    for text in reversed(",".join(request.headers.getall("X-Forwarded-For", ())).split(",")):
        farther = _address(text.strip())
        if farther is None:
            break  # who stands behind the last known one cannot be told
        nearest = farther
        if not _among(nearest, trusted):
            break
    return request.clone(remote=str(nearest))


def _address(text: str) -> Address | None:
    """The address in `text`, which some proxies write with a port; an IPv4 one in IPv6 clothes is the IPv4 one."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def _among(address: Address, trusted: tuple[Network, ...]) -> bool:
    return any(address in network for network in trusted)
