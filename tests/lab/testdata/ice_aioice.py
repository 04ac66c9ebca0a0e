"""Debian's aioice, an ICE agent of other people: `ice_aioice.py MEET PORT STUN PORT ROLE [silent]`.

Tells its peer what it has over TCP, lines of JSON with candidates in the form of RFC 8839 (`ice_meet.ts`), connects, and
answers each datagram with `echo ` before it. `silent` keeps its own candidates to itself, so that its peer can know of them
from its checks alone.
"""

import asyncio
import json
import sys

import aioice


async def main(meet, meet_port, stun, stun_port, role, *silent):
    reader, writer = await asyncio.open_connection(meet, int(meet_port))

    def tell(**told):
        writer.write(json.dumps(told).encode() + b"\n")

    ice = aioice.Connection(ice_controlling=role == "controlling", stun_server=(stun, int(stun_port)))
    await ice.gather_candidates()
    tell(ufrag=ice.local_username, pwd=ice.local_password)
    for candidate in ice.local_candidates:
        print("candidate", candidate.type, candidate.host, candidate.port, flush=True)
        if not silent:
            tell(candidate=candidate.to_sdp())

    ready = asyncio.Event()

    async def hear():
        async for line in reader:
            told = json.loads(line)
            if "ufrag" in told:
                ice.remote_username, ice.remote_password = told["ufrag"], told["pwd"]
            else:
                await ice.add_remote_candidate(aioice.Candidate.from_sdp(told["candidate"]))
                ready.set()

    hearing = asyncio.ensure_future(hear())
    await ready.wait()
    await ice.connect()
    print("connected", "controlling" if ice.ice_controlling else "controlled", flush=True)
    while True:
        data = await ice.recv()
        await ice.send(b"echo " + data)


asyncio.run(main(*sys.argv[1:]))
