//! What a stealth session's browser is started with beyond the engine's own flags, each with its reason.

use silkroute_browser::launch::Flag;

const fn flag(flag: &'static str, reason: &'static str) -> Flag {
    Flag { flag, reason }
}

/// With a window and without.
pub(crate) const ALWAYS: &[Flag] = &[flag(
    "--disable-blink-features=AutomationControlled",
    "`navigator.webdriver` is false, as it is where nobody automates",
)];

/// Without a window: what a machine with a mouse says, and a headless browser does not.
pub(crate) const HEADLESS: &[Flag] = &[flag(
    "--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4",
    "there is a mouse: the media queries `pointer: fine` and `hover: hover` match",
)];

/// Without `allow_webgl`.
pub(crate) const NO_WEBGL: &[Flag] = &[
    flag(
        "--disable-3d-apis",
        "no WebGL: as on a machine whose graphics are on Chromium's list of bad ones",
    ),
    flag("--disable-webgl", "the same for older versions"),
    flag("--disable-webgl2", "the same"),
];
