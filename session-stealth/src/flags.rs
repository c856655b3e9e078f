//! What a stealth session's browser is started with beyond the engine's own flags, each with its reason.

use silkroute_browser::launch::{Flag, flag_name};
use silkroute_core::{Error, Result};

use crate::appearance::Window;
use crate::kind::USER_AGENT;

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
    flag(
        "--use-gl=disabled",
        "the same for off-screen canvases and workers, which have it all the same; all is drawn by software then",
    ),
];

/// Flags that a session sets itself, or that would make its facts untrue: whether only without a window, and what to do
/// instead.
const OURS: &[(&str, bool, &str)] = &[
    ("--user-agent", false, USER_AGENT),
    (
        "--accept-lang",
        false,
        "set `locale`, or the `languages` of `fingerprint`",
    ),
    ("--window-size", false, "set `window_size`"),
    (
        "--window-position",
        true,
        "without a window it is the upper left corner",
    ),
    ("--screen-info", true, "set the screen and the taskbar in `fingerprint`"),
];

/// Refuses what would be replaced, or would make a lie of what the session says.
pub(crate) fn check(extra: &[String], place: Window) -> Result<()> {
    for flag in extra {
        let ours = OURS.iter().find(|(ours, _, _)| flag_name(ours) == flag_name(flag));
        if let Some((ours, _, instead)) = ours.filter(|(_, hidden, _)| !hidden || place == Window::None) {
            return Err(Error::config("extra_flags", format!("`{ours}`: {instead}")));
        }
    }
    Ok(())
}
