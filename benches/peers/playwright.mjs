// Playwright as a contender of the browser benchmark: reads `TABS PAGES` from standard input, answers in seconds.
// `node playwright.mjs CHROMIUM URL new|reuse`
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const [executablePath, url, how] = process.argv.slice(2);
const root = process.getuid?.() === 0;
const browser = await chromium.launch({ executablePath, args: root ? ['--no-sandbox'] : [] });
const context = await browser.newContext();

const visit = async (page) => {
  await page.goto(url);
  await page.waitForSelector('#list');
  const html = await page.content();
  if (html.split('class="item"').length !== 31) throw new Error('a page without its items');
};

const turn = async (tabs, pages) => {
  let left = pages;
  const worker = async () => {
    const own = how === 'reuse' ? await context.newPage() : null;
    while (left-- > 0) {
      const page = own ?? (await context.newPage());
      await visit(page);
      if (!own) await page.close();
    }
    await own?.close();
  };
  await Promise.all(Array.from({ length: tabs }, worker));
};

console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  const [tabs, pages] = line.split(' ').map(Number);
  const begun = performance.now();
  await turn(tabs, pages);
  console.log((performance.now() - begun) / 1000);
}
await browser.close();
