//! Where the frontier of a crawl comes from.

use std::sync::Arc;

use super::Frontier;
use crate::CrawlError;
#[cfg(feature = "disk")]
use {super::Order, std::path::PathBuf};

/// What a crawl can be given as its frontier: a [`Frontier`], or the path of a directory for a
/// [`DiskFrontier`](crate::DiskFrontier), which needs the feature `disk`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no frontier",
    note = "a path is one where silkroute-spider has the feature `disk`"
)]
pub trait IntoFrontier {
    #[doc(hidden)]
    fn into_frontier(self) -> Source;
}

impl<F: Frontier> IntoFrontier for F {
    fn into_frontier(self) -> Source {
        Source(Kind::Made(Arc::new(self)))
    }
}

#[cfg(feature = "disk")]
macro_rules! paths {
    ($($path:ty),*) => {
        $(impl IntoFrontier for $path {
            fn into_frontier(self) -> Source {
                Source(Kind::Directory(self.into()))
            }
        })*
    };
}

#[cfg(feature = "disk")]
paths!(&str, &String, &std::path::Path, &PathBuf, String, PathBuf);

/// A frontier, or what it will be made of when the crawl begins.
#[doc(hidden)]
pub struct Source(Kind);

enum Kind {
    Made(Arc<dyn Frontier>),
    #[cfg(feature = "disk")]
    Directory(PathBuf),
}

impl Source {
    pub(crate) fn memory(order: super::Order) -> Self {
        Self(Kind::Made(Arc::new(super::MemoryFrontier::new(order))))
    }

    #[cfg_attr(
        not(feature = "disk"),
        allow(clippy::unused_async, unused_variables, reason = "a directory needs both")
    )]
    pub(crate) async fn open(self, order: super::Order) -> Result<Arc<dyn Frontier>, CrawlError> {
        match self.0 {
            Kind::Made(frontier) => Ok(frontier),
            #[cfg(feature = "disk")]
            Kind::Directory(directory) => open_directory(directory, order).await,
        }
    }
}

/// Off the runtime's threads: it waits for the disk, and nobody waits for one that hangs.
#[cfg(feature = "disk")]
async fn open_directory(directory: PathBuf, order: Order) -> Result<Arc<dyn Frontier>, CrawlError> {
    let opener = crate::aside::Aside::default();
    match opener.run(move || super::DiskFrontier::open(directory, order)).await {
        Ok(Ok(frontier)) => Ok(Arc::new(frontier)),
        Ok(Err(error)) => Err(CrawlError::frontier("be opened", error)),
        Err(error) => Err(CrawlError::Engine(error.to_string())),
    }
}
