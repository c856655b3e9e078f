"""Scrapling's AsyncDynamicSession as a contender of the browser benchmark: reads `TABS PAGES` from standard input, answers
in seconds. `python scrapling_dynamic.py CHROMIUM URL TABS`: the session has so many tabs for all its turns."""

import asyncio
import logging
import sys
import time

from scrapling.fetchers import AsyncDynamicSession

logging.getLogger("scrapling").setLevel(logging.ERROR)


async def main() -> None:
    chromium, url, tabs = sys.argv[1], sys.argv[2], int(sys.argv[3])
    async with AsyncDynamicSession(
        headless=True, executable_path=chromium, max_pages=tabs, wait_selector="#list", google_search=False, retries=1
    ) as session:

        async def worker(left: list[int]) -> None:
            while left[0] > 0:
                left[0] -= 1
                page = await session.fetch(url)
                assert len(page.css(".item")) == 30, "a page without its items"

        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            at_once, pages = map(int, line.split())
            begun = time.perf_counter()
            left = [pages]
            await asyncio.gather(*(worker(left) for _ in range(at_once)))
            print(time.perf_counter() - begun, flush=True)


asyncio.run(main())
