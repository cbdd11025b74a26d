import { AxeBuilder } from '@axe-core/playwright';
import { expect, test } from './harness/fixtures.ts';
import { gatherProblems } from './harness/pages.ts';

const SIZES = { phone: { width: 375, height: 667 }, desktop: { width: 1280, height: 800 } };

for (const colorScheme of ['light', 'dark'] as const) {
  for (const [name, viewport] of Object.entries(SIZES)) {
    test.describe(`the page in ${colorScheme} on a ${name}`, () => {
      test.use({ colorScheme, viewport });

      test('opens without an error, under a strict policy', async ({ page }) => {
        const problems = gatherProblems(page);
        const response = await page.goto('/');
        expect(response?.headers()['content-security-policy']).toContain("default-src 'none'");
        await expect(page.getByTestId('file-input')).toBeAttached();
        await page.waitForLoadState('networkidle');
        expect(problems).toEqual([]);
      });

      test('fits the screen and can be used by everyone', async ({ page }) => {
        await page.goto('/');
        await expect(page.getByTestId('file-input')).toBeAttached();
        expect(
          await page.evaluate(() => document.documentElement.scrollWidth - innerWidth),
        ).toBeLessThanOrEqual(0);
        const { violations } = await new AxeBuilder({ page }).analyze();
        const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
        expect(serious.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html }) => html) }))).toEqual([]);
      });
    });
  }
}
