// One table of what a browser says of itself, for windows and for all kinds of workers. What a place has not is left out.
// Values that change by themselves (times, network estimates, free space) are not in it.

const inWindow = typeof window !== 'undefined';

const digest = (text) => {
  // FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0;
  }
  return hash.toString(16);
};

const isNative = (owner, name) => {
  const found = Object.getOwnPropertyDescriptor(owner, name);
  const code = found && (found.get ?? found.value);
  if (typeof code !== 'function') return 'none';
  const text = Function.prototype.toString.call(code);
  return /\{\s*\[native code\]\s*\}$/.test(text) ? 'native' : 'patched';
};

const ofNavigator = () => {
  const table = {};
  for (const name of ['userAgent', 'appVersion', 'platform', 'vendor', 'productSub', 'language', 'hardwareConcurrency',
    'deviceMemory', 'webdriver', 'onLine', 'cookieEnabled', 'doNotTrack', 'pdfViewerEnabled', 'maxTouchPoints']) {
    if (name in navigator) table[name] = navigator[name];
  }
  table.languages = [...navigator.languages];
  const proto = Object.getPrototypeOf(navigator);
  table.own = Object.getOwnPropertyNames(navigator);
  table.names = digest(Object.getOwnPropertyNames(proto).join());
  for (const name of ['userAgent', 'webdriver', 'languages', 'platform', 'hardwareConcurrency']) {
    table[`code.${name}`] = isNative(proto, name);
  }
  if (navigator.plugins) {
    table.plugins = [...navigator.plugins].map((plugin) => plugin.name);
    table.mimeTypes = [...navigator.mimeTypes].map((kind) => kind.type);
  }
  if (navigator.connection) table.saveData = navigator.connection.saveData;
  return table;
};

const ofHints = async () => {
  const data = navigator.userAgentData;
  if (!data) return null;
  const high = await data.getHighEntropyValues(['architecture', 'bitness', 'formFactors', 'fullVersionList', 'model',
    'platformVersion', 'uaFullVersion', 'wow64']);
  const brands = (list) => (list ?? []).map(({ brand, version }) => `${brand} ${version}`);
  return { ...high, brands: brands(data.brands), fullVersionList: brands(high.fullVersionList),
    mobile: data.mobile, platform: data.platform };
};

const ofPlaceAndTime = () => {
  const { timeZone, locale, calendar, numberingSystem } = Intl.DateTimeFormat().resolvedOptions();
  const day = new Date(Date.UTC(2024, 6, 14, 12));
  return { timeZone, locale, calendar, numberingSystem, offset: day.getTimezoneOffset(),
    winterOffset: new Date(Date.UTC(2024, 0, 14, 12)).getTimezoneOffset(),
    day: day.toString(), localDay: day.toLocaleString(), number: (1234567.891).toLocaleString(),
    collator: new Intl.Collator().resolvedOptions().locale };
};

const ofEngine = () => {
  let trace = '';
  try { null.nothing(); } catch (error) { trace = `${error.message} ${error.stack.split('\n').length > 1}`; }
  return { trace, traceLimit: Error.stackTraceLimit, evalLength: eval.toString().length,
    functions: isNative(Function.prototype, 'toString'), tan: Math.tan(-1e300), sinh: Math.sinh(1),
    globals: digest(Object.getOwnPropertyNames(globalThis).filter((name) => !/^\d+$/.test(name)).sort().join()) };
};

// What a debugger that listens to the console makes noticeable: it reads what is logged, and it takes its time.
const ofDebugger = () => {
  let prepared = false;
  const before = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
  Error.prepareStackTrace = () => { prepared = true; return ''; };
  console.debug(new Error());
  if (before) Object.defineProperty(Error, 'prepareStackTrace', before);
  else delete Error.prepareStackTrace;

  let reads = 0;
  const shown = new Error();
  Object.defineProperty(shown, 'name', { get() { reads += 1; return 'Error'; } });
  console.debug(shown);

  const row = Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`column${at}`, at]));
  const rows = Array.from({ length: 50 }, () => row);
  let best = Infinity;
  for (let round = 0; round < 5; round += 1) {
    const begun = performance.now();
    for (let times = 0; times < 10; times += 1) console.table(rows);
    best = Math.min(best, performance.now() - begun);
  }
  console.clear();
  return { prepared, reads, slowConsole: best > 25 };
};

const ofGraphics = () => {
  const table = {};
  const paint = (canvas) => {
    const pen = canvas.getContext('2d');
    pen.textBaseline = 'top';
    pen.font = '16px sans-serif';
    pen.fillStyle = '#f60';
    pen.fillRect(10, 5, 80, 30);
    pen.fillStyle = '#069';
    pen.fillText('silk \u{1f41b} road', 4, 12);
    pen.globalCompositeOperation = 'multiply';
    pen.beginPath();
    pen.arc(70, 25, 20, 0, 7);
    pen.fill();
    return digest(pen.getImageData(0, 0, canvas.width, canvas.height).data.join());
  };
  const canvas = () => {
    if (typeof OffscreenCanvas !== 'undefined') return new OffscreenCanvas(160, 60);
    return Object.assign(document.createElement('canvas'), { width: 160, height: 60 });
  };
  table.canvas = paint(canvas());
  table.canvasAgain = paint(canvas()) === table.canvas;
  for (const kind of ['webgl', 'webgl2']) {
    const gl = canvas().getContext(kind);
    const info = gl && gl.getExtension('WEBGL_debug_renderer_info');
    table[kind] = gl ? { vendor: info && gl.getParameter(info.UNMASKED_VENDOR_WEBGL),
      renderer: info && gl.getParameter(info.UNMASKED_RENDERER_WEBGL) } : null;
  }
  table.webgpu = 'gpu' in navigator;
  return table;
};

const ofPermissions = async () => {
  const table = {};
  if (typeof Notification !== 'undefined') table.notification = Notification.permission;
  for (const name of ['geolocation', 'notifications', 'camera', 'microphone', 'midi', 'clipboard-read', 'push']) {
    const asked = name === 'push' ? { name, userVisibleOnly: true } : { name };
    table[name] = await navigator.permissions.query(asked).then(({ state }) => state, (error) => error.name);
  }
  return table;
};

const ofScreen = () => {
  const { width, height, availWidth, availHeight, availLeft, availTop, colorDepth, pixelDepth, isExtended } = screen;
  const table = { width, height, availWidth, availHeight, availLeft, availTop, colorDepth, pixelDepth, isExtended,
    orientation: screen.orientation.type, devicePixelRatio };
  // A frame's own size is its page's business.
  if (window === top) Object.assign(table, { innerWidth, innerHeight });
  return Object.assign(table, { outerWidth, outerHeight, screenX, screenY });
};

const ofMedia = () => {
  const table = {};
  for (const [name, values] of Object.entries({ pointer: ['none', 'coarse', 'fine'],
    'any-pointer': ['none', 'coarse', 'fine'], hover: ['none', 'hover'], 'any-hover': ['none', 'hover'],
    'prefers-color-scheme': ['light', 'dark'], 'prefers-reduced-motion': ['no-preference', 'reduce'],
    'prefers-contrast': ['no-preference', 'more', 'less'], 'color-gamut': ['srgb', 'p3', 'rec2020'],
    'dynamic-range': ['standard', 'high'], 'forced-colors': ['none', 'active'], 'display-mode': ['browser', 'standalone'],
    update: ['none', 'slow', 'fast'], scripting: ['none', 'enabled'] })) {
    table[name] = values.filter((value) => matchMedia(`(${name}: ${value})`).matches).join();
  }
  table.touch = 'ontouchstart' in window;
  const video = document.createElement('video');
  for (const kind of ['video/mp4; codecs="avc1.42E01E"', 'video/webm; codecs="vp9"', 'audio/mpeg', 'audio/aac']) {
    table[kind] = video.canPlayType(kind);
  }
  return table;
};

// A frame of another site may run before the page around it has given it a place, and has no sizes until then.
const laidOut = async () => {
  const span = document.createElement('span');
  span.style.cssText = 'position: absolute; visibility: hidden';
  span.textContent = 'm';
  document.body.append(span);
  for (let looks = 0; looks < 1000 && !span.offsetWidth; looks += 1) await new Promise((done) => setTimeout(done, 20));
  span.remove();
};

const ofFonts = async () => {
  await laidOut();
  const span = document.createElement('span');
  span.style.cssText = 'position: absolute; visibility: hidden; font-size: 64px';
  span.textContent = 'mmmmmmmmmmlli';
  document.body.append(span);
  const widths = ['serif', 'sans-serif', 'monospace', 'system-ui', 'Arial', 'Helvetica', 'Times New Roman', 'Courier New',
    'Segoe UI', 'Menlo', 'DejaVu Sans', 'Liberation Sans'].map((font) => {
    span.style.fontFamily = `'${font}', monospace`;
    if (['serif', 'sans-serif', 'monospace', 'system-ui'].includes(font)) span.style.fontFamily = font;
    return span.offsetWidth;
  });
  span.remove();
  return widths.join();
};

const ofDocument = () => ({ visibilityState: document.visibilityState, hidden: document.hidden,
  focus: document.hasFocus(), names: digest(Object.getOwnPropertyNames(document).join()),
  chrome: window.chrome ? Object.getOwnPropertyNames(window.chrome).sort() : null,
  userActivation: navigator.userActivation.hasBeenActive, referrer: window === top ? document.referrer : 'not compared',
  voices: 'speechSynthesis' in window, battery: 'getBattery' in navigator, share: 'share' in navigator,
  contacts: 'contacts' in navigator, bluetooth: 'bluetooth' in navigator, wake: 'wakeLock' in navigator });

const frames = async () => {
  // How often a frame is drawn: a hidden page draws twice a second or not at all. A busy machine is given another chance.
  let drawn = 0;
  const count = () => { drawn += 1; requestAnimationFrame(count); };
  requestAnimationFrame(count);
  let best = 0;
  for (let round = 0; round < 10 && best < 5; round += 1) {
    drawn = 0;
    await new Promise((done) => setTimeout(done, 500));
    best = Math.max(best, drawn);
  }
  return best >= 5 ? 'drawn' : `${best} in half a second`;
};

const devices = async () => {
  const all = await navigator.mediaDevices.enumerateDevices();
  return all.map(({ kind }) => kind).sort();
};

const table = async () => {
  const parts = { navigator: ofNavigator, hints: ofHints, placeAndTime: ofPlaceAndTime, engine: ofEngine,
    debugger: ofDebugger, graphics: ofGraphics, permissions: ofPermissions };
  if (inWindow) Object.assign(parts, { screen: ofScreen, media: ofMedia, fonts: ofFonts, document: ofDocument, frames,
    devices });
  const flat = {};
  for (const [part, make] of Object.entries(parts)) {
    try {
      const made = await make();
      if (made === null || typeof made !== 'object' || Array.isArray(made)) flat[part] = made;
      else for (const [name, value] of Object.entries(made)) flat[`${part}.${name}`] = value;
    } catch (error) {
      flat[part] = `failed: ${error}`;
    }
  }
  return flat;
};

const report = async (origin, run, place) => {
  const body = JSON.stringify(await table());
  const to = `${origin}/consistency/report?run=${encodeURIComponent(run)}&place=${place}`;
  await fetch(to, { method: 'POST', body });
  return place;
};
