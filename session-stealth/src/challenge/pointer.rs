//! A pointer that moves and presses as a hand does.

use std::time::Duration;

use silkroute_browser::{Deadline, Point, Result, Tab};

/// How many positions a movement is reported at. A mouse reports every 8 ms or so, and such a way takes a quarter of a second.
const STEPS: u32 = 24;
const REPORT: Duration = Duration::from_millis(10);

/// Moves to a point from somewhere up and left of it, rests, and clicks.
pub(super) async fn click(tab: &Tab, at: Point, deadline: Deadline) -> Result<()> {
    let from = Point {
        x: (at.x - between(120.0, 260.0)).max(1.0),
        y: (at.y - between(60.0, 160.0)).max(1.0),
    };
    let bend = between(-18.0, 18.0);
    let mut last = None;
    for step in 0..=STEPS {
        let point = on_the_way(from, at, bend, f64::from(step) / f64::from(STEPS));
        // A pointer that rests sends nothing.
        if last != Some(point) {
            tab.mouse("mouseMoved", point, deadline).await?;
            last = Some(point);
        }
        pause(REPORT, deadline).await?;
    }
    pause(random(60, 180), deadline).await?;
    let at = whole(at);
    tab.mouse("mousePressed", at, deadline).await?;
    pause(random(70, 150), deadline).await?;
    tab.mouse("mouseReleased", at, deadline).await
}

/// Slow at both ends, as minimum-jerk movements are (Flash and Hogan, J. Neurosci. 5:1688, 1985), and a little bent.
fn on_the_way(from: Point, to: Point, bend: f64, share: f64) -> Point {
    let eased = share.powi(3) * (10.0 - 15.0 * share + 6.0 * share * share);
    let aside = bend * (std::f64::consts::PI * eased).sin();
    whole(Point {
        x: from.x + (to.x - from.x) * eased,
        y: from.y + (to.y - from.y) * eased + aside,
    })
}

/// Mice report whole pixels.
fn whole(point: Point) -> Point {
    Point {
        x: point.x.round(),
        y: point.y.round(),
    }
}

fn between(low: f64, high: f64) -> f64 {
    low + fastrand::f64() * (high - low)
}

fn random(low: u64, high: u64) -> Duration {
    Duration::from_millis(fastrand::u64(low..=high))
}

async fn pause(time: Duration, deadline: Deadline) -> Result<()> {
    deadline.run("moving the pointer", tokio::time::sleep(time)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_movement_begins_and_ends_where_it_should_and_is_slow_at_both_ends() {
        let (from, to) = (Point { x: 10.0, y: 20.0 }, Point { x: 210.0, y: 120.0 });
        let at = |share| on_the_way(from, to, 12.0, share);
        assert_eq!((at(0.0), at(1.0)), (from, to));
        let reach = |a: f64, b: f64| at(b).x - at(a).x;
        assert!(reach(0.0, 0.1) < reach(0.45, 0.55) && reach(0.9, 1.0) < reach(0.45, 0.55));
        assert!((0..=100).all(|share| at(f64::from(share) / 100.0).x.fract() == 0.0));
    }
}
