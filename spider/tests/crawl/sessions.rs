//! Sessions that have a cache before them, or do not start.

use std::time::Duration;

use silkroute_core::{CacheOutcome, Request, Response, Session, async_trait};
use silkroute_spider::{AutoThrottle, Spider as _};

use crate::support::{Answer, Tester, Web, gaps};
use crate::web::Fake;

/// A session of whose pages those in a cache do not come from the site.
#[derive(Debug)]
struct Cached(Fake, Fake);

#[async_trait]
impl Session for Cached {
    fn kind(&self) -> &'static str {
        self.0.kind()
    }
    fn is_alive(&self) -> bool {
        self.0.is_alive()
    }
    async fn start(&mut self) -> silkroute_core::Result<()> {
        self.0.start().await
    }
    async fn close(&mut self) -> silkroute_core::Result<()> {
        self.0.close().await
    }
    async fn fetch(&self, request: &dyn Request) -> silkroute_core::Result<Box<dyn Response>> {
        let cached = request.parts().url.path().starts_with("/cached");
        let session = if cached { &self.1 } else { &self.0 };
        let mut response = session.fetch(request).await?;
        response.parts_mut().cache = Some(if cached { CacheOutcome::Hit } else { CacheOutcome::Miss });
        Ok(response)
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_from_a_cache_tells_the_throttle_nothing_of_the_host() {
    for status in [200, 503] {
        let site = Web::new(|_, _| Answer::page(&[]).after(4_000));
        let cache = Web::new(move |_, _| Answer::status(status));
        let mut starts: Vec<_> = (0..10).map(|n| format!("http://a.test/cached/{n}")).collect();
        starts.extend((0..3).map(|n| format!("http://a.test/{n}")));
        let starts: Vec<&str> = starts.iter().map(String::as_str).collect();
        let throttle = AutoThrottle::default().start_delay(Duration::from_secs(4));
        let mut spider = Tester::new(&site, &starts).set(|s| s.throttle(throttle));
        spider.is_blocked = Some(Box::new(|_| false));
        let (plain, cached) = (site.clone(), cache.clone());
        spider.configure = Some(Box::new(move |sessions| {
            sessions.add("http", Cached(plain.session("http"), cached.session("cache")))?;
            Ok(())
        }));
        spider.crawl().run().await.unwrap();
        assert_eq!(gaps(&cache.hits()), [4_000; 9]);
        assert_eq!(gaps(&site.hits()), [4_000; 2]);
    }
}
