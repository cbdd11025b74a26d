import { mount } from 'svelte';
import App from './App.svelte';
import './app.css';
import { browserPlatform } from './browser-platform.ts';
import { removeLeftovers } from './sinks/transfer-place.ts';

if (isSecureContext) {
  // Where the page is given no storage there is nothing to remove.
  void removeLeftovers(Date.now()).catch(() => undefined);
}

mount(App, {
  target: document.body,
  props: { platform: browserPlatform(), serverUrl: new URL('.', location.origin + location.pathname).href },
});
