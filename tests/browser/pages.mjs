// Drives Chromium over a project's pages as a volunteer and as its operator, without a screen, and says in JSON what it saw and everything that was wrong.
//
//   node pages.mjs URL EMAIL PASSWORD OPERATOR-TOKEN [FOLDER FOR SCREENSHOTS]
//
// It is what the tests call, and what makes the screenshots of the docs (of a demo: weightspace serve --demo).
import { chromium } from 'playwright-core';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

const [url, email, password, token, folder] = process.argv.slice(2);
const problems = [];
const seen = {};

/** Of every text: whether it stands out from what is behind it, as WCAG 2.1 asks (4.5, or 3 for large letters). Runs in the page. */
function findFaintTexts() {
  const parse = color => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll('body *')) {
    if (element.closest('svg') || ![...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.textContent.trim())) continue;
    const style = getComputedStyle(element);
    if (style.visibility === 'hidden' || element.getClientRects().length === 0) continue;
    const [a, b] = [luminance(parse(style.color)), luminance(ground(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const isLarge = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    if (contrast < (isLarge ? 3 : 4.5)) faint.push(`'${element.textContent.trim().slice(0, 40)}' has a contrast of ${contrast.toFixed(2)}`);
  }
  return faint;
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium' });
try {
  const context = await browser.newContext({ viewport: { width: 1120, height: 800 }, colorScheme: 'light', locale: 'en' });
  context.on('request', request => {
    if (!request.url().startsWith(url)) problems.push(`a request to ${request.url()}`);
  });
  const page = await context.newPage();
  // A wrong password is answered with 401, which Chromium writes down.
  page.on('console', message => /status of 401/.test(message.text()) || problems.push(`the console says: ${message.text()}`));
  page.on('pageerror', error => problems.push(`an error in the page: ${error.message}`));
  // What is still being loaded when the next page is asked for is given up by the browser itself.
  page.on('requestfailed', request => request.failure()?.errorText === 'net::ERR_ABORTED' || problems.push(`${request.url()} failed: ${request.failure()?.errorText}`));
  page.on('response', response => {
    if (response.status() >= 400 && response.status() !== 401) problems.push(`${response.url()} was answered with ${response.status()}`);
  });

  /** A page at every width and in both schemes: nothing sticks out, and every text can be read. */
  async function look(name, height = 800) {
    for (const scheme of ['dark', 'light']) {
      await page.emulateMedia({ colorScheme: scheme });
      for (const width of [400, 1120]) {
        await page.setViewportSize({ width, height: 800 });
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        if (wide > width) problems.push(`${name} is ${wide} wide on a screen of ${width}`);
      }
      for (const faint of await page.evaluate(findFaintTexts)) problems.push(`${name}, ${scheme}: ${faint}`);
    }
    for (const input of await page.locator('input').all()) {
      if (!(await input.evaluate(element => element.labels?.length && element.labels[0].textContent.trim()))) problems.push(`${name}: a field has no label`);
    }
    if (!folder) return;
    mkdirSync(folder, { recursive: true });
    await page.setViewportSize({ width: 1000, height });
    await page.screenshot({ path: join(folder, `${name}.png`) });
    await page.setViewportSize({ width: 1120, height: 800 });
  }

  async function shot(name) {
    if (folder) await page.screenshot({ path: join(folder, `${name}.png`) });
  }

  const dots = async selector => (await page.locator(`figure.map svg[role=img] path${selector}`).evaluateAll(paths => paths.map(path => path.getAttribute('d').split('h').length - 1))).reduce((sum, count) => sum + count, 0);

  await page.goto(url);
  seen.home = await page.locator('h1').textContent();
  seen.homeDots = await dots('.points');
  await look('project-home', 1000);
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.setViewportSize({ width: 400, height: 800 });
  await shot('project-home-small');
  await page.setViewportSize({ width: 1120, height: 800 });
  await page.emulateMedia({ colorScheme: 'light' });

  // Without a mouse: the first tab leads past the navigation.
  await page.keyboard.press('Tab');
  seen.firstStop = await page.evaluate(() => document.activeElement?.textContent);

  await page.getByRole('link', { name: 'Top lists', exact: true }).click();
  seen.top = await page.getByRole('table').count();
  await look('project-top');

  await page.getByRole('link', { name: 'Sign in', exact: true }).click();
  const form = page.locator('section', { hasText: 'With an account' });
  await form.getByLabel('E-mail address').fill(email);
  await form.getByLabel('Password').fill('not the password');
  await form.getByRole('button', { name: 'Sign in' }).click();
  seen.refused = await page.getByRole('alert').textContent();
  await look('project-sign-in');
  await form.getByLabel('E-mail address').fill(email);
  await form.getByLabel('Password').fill(password);
  await form.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(url + 'me');
  seen.name = await page.locator('h1').textContent();
  seen.figures = await page.locator('.figure').allTextContents();
  seen.hosts = await page.getByRole('table', { name: 'My machines' }).locator('tbody tr').count();
  seen.mine = await dots('.points.mine');
  seen.others = await dots('.points.others');
  seen.lit = await page.locator('path.points.mine').first().evaluate(path => ({ stroke: getComputedStyle(path).stroke, box: path.getBoundingClientRect().width > 0 }));
  seen.unlit = await page.locator('path.points.others').count() === 0 ? null : await page.locator('path.points.others').first().evaluate(path => getComputedStyle(path).stroke);
  await look('project-me', 1150);
  if (folder) await page.locator('figure.map').last().screenshot({ path: join(folder, 'project-map.png') });
  await page.getByRole('button', { name: 'Show the key' }).click();
  seen.key = await page.locator('#key').textContent();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL(url);
  await page.goto(url + 'me');
  seen.signedOut = page.url();

  await page.goto(url + 'operator');
  await page.getByLabel('The operator').fill(token);
  await page.getByRole('button', { name: 'Open' }).click();
  await page.waitForURL(url + 'operator');
  seen.operator = await page.locator('section h2').allTextContents();
  seen.cookies = (await context.cookies()).map(cookie => ({ httpOnly: cookie.httpOnly, sameSite: cookie.sameSite }));
  await look('project-operator');
} catch (error) {
  problems.push(error.message);
} finally {
  await browser.close();
}
console.log(JSON.stringify({ seen, problems }, null, 2));
process.exit(problems.length === 0 ? 0 : 3);
