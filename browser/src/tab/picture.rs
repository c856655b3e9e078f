//! Screenshots and PDF.

use std::pin::pin;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Tab;
use crate::cdp::RawCommand;
use crate::{Deadline, Error, Result};

/// The format of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImageFormat {
    /// Without loss.
    #[default]
    Png,
    /// With this quality, 0 to 100.
    Jpeg(u8),
    /// With this quality, 0 to 100.
    Webp(u8),
}

/// How a picture is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScreenshotOptions {
    /// The format. Default PNG.
    pub format: ImageFormat,
    /// All of the page rather than what a window would show. Default false. Chromium draws at most 16,384 pixels in height.
    pub full_page: bool,
}

/// How a page is printed. Lengths are in inches.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PdfOptions {
    /// Width of the paper. Default 8.27 (A4).
    pub paper_width: f64,
    /// Height of the paper. Default 11.69 (A4).
    pub paper_height: f64,
    /// All four margins. Default 0.4.
    pub margin: f64,
    /// Wider than high. Default false.
    pub landscape: bool,
    /// With backgrounds. Default true.
    pub background: bool,
}

impl Default for PdfOptions {
    fn default() -> Self {
        Self {
            paper_width: 8.27,
            paper_height: 11.69,
            margin: 0.4,
            landscape: false,
            background: true,
        }
    }
}

#[derive(Deserialize)]
struct Data {
    data: String,
}

impl Tab {
    /// Takes a picture. The tab is brought to the front of its window for it; tabs of one browser take turns.
    ///
    /// # Errors
    /// Those of commands.
    pub async fn screenshot(&self, options: &ScreenshotOptions, deadline: Deadline) -> Result<Bytes> {
        let (format, quality) = match options.format {
            ImageFormat::Png => ("png", None),
            ImageFormat::Jpeg(quality) => ("jpeg", Some(quality)),
            ImageFormat::Webp(quality) => ("webp", Some(quality)),
        };
        let mut params = json!({"format": format, "captureBeyondViewport": options.full_page});
        if let Some(quality) = quality {
            params["quality"] = quality.min(100).into();
        }
        if options.full_page {
            #[derive(Deserialize)]
            #[serde(rename_all = "camelCase")]
            struct Metrics {
                css_content_size: Size,
            }
            #[derive(Deserialize)]
            struct Size {
                width: f64,
                height: f64,
            }
            let command = RawCommand::new("Page.getLayoutMetrics", json!({}))?;
            let Metrics { css_content_size: size } = self.state.session.send_as(command, deadline).await?;
            params["clip"] = json!({"x": 0, "y": 0, "width": size.width, "height": size.height, "scale": 1});
        }
        self.in_front(self.data("Page.captureScreenshot", params, deadline), deadline)
            .await
    }

    /// Has this done with its tab in front: Chromium draws nothing anew for a picture of a tab that is behind another one. A tab
    /// that takes long is put behind those that wait, and has another turn after them.
    async fn in_front<T>(&self, work: impl Future<Output = Result<T>>, deadline: Deadline) -> Result<T> {
        const TURN: Duration = Duration::from_secs(5);
        let mut work = pin!(work);
        let front = &self.context.browser().inner.front;
        loop {
            let _turn = deadline.run("waiting for other pictures", front.lock()).await?;
            let command = RawCommand::new("Page.bringToFront", json!({}))?;
            self.state.session.send(command, deadline).await?;
            if let Ok(done) = tokio::time::timeout(TURN, &mut work).await {
                return done;
            }
        }
    }

    /// Prints the page. Only headless browsers do.
    ///
    /// # Errors
    /// Those of commands.
    pub async fn pdf(&self, options: &PdfOptions, deadline: Deadline) -> Result<Bytes> {
        let PdfOptions {
            paper_width,
            paper_height,
            margin,
            landscape,
            background,
        } = *options;
        let params = json!({
            "paperWidth": paper_width, "paperHeight": paper_height, "landscape": landscape, "printBackground": background,
            "marginTop": margin, "marginBottom": margin, "marginLeft": margin, "marginRight": margin,
        });
        self.data("Page.printToPDF", params, deadline).await
    }

    async fn data(&self, method: &'static str, params: Value, deadline: Deadline) -> Result<Bytes> {
        let Data { data } = self
            .state
            .session
            .send_as(RawCommand::new(method, params)?, deadline)
            .await?;
        STANDARD
            .decode(data)
            .map(Bytes::from)
            .map_err(|error| Error::malformed(method, error))
    }
}
