//! The dates of `Expires`, which servers write in every shape there is: RFC 6265 section 5.1.1.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// Reads a date. `None` if it holds no time, day, month or year, or one that cannot be. Times before 1970 are 1970.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.split(is_delimiter).filter(|token| !token.is_empty()) {
        if time.is_none()
            && let Some(found) = time_of(token)
        {
            time = Some(found);
        } else if day.is_none()
            && let Some(found) = number(token, 1..=2)
        {
            day = Some(found);
        } else if month.is_none()
            && let Some(found) = month_of(token)
        {
            month = Some(found);
        } else if year.is_none()
            && let Some(found) = number(token, 2..=4)
        {
            year = Some(found);
        }
    }
    let ((hour, minute, second), day, month) = (time?, day?, month?);
    let year = match year? {
        year @ 70..=99 => year + 1_900,
        year @ 0..=69 => year + 2_000,
        year => year,
    };
    if !(1..=days_in(year, month)).contains(&day) || year < 1_601 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days_since_1970(year, month, day) * 86_400 + i64::from(hour * 3_600 + minute * 60 + second);
    UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

fn is_delimiter(c: char) -> bool {
    matches!(c, '\t' | ' '..='/' | ';'..='@' | '['..='`' | '{'..='~')
}

/// The number that a token begins with, if it has as many digits as that.
fn number(token: &str, digits: std::ops::RangeInclusive<usize>) -> Option<u32> {
    let length = token.bytes().take_while(u8::is_ascii_digit).count();
    digits.contains(&length).then(|| token[..length].parse().ok())?
}

fn time_of(token: &str) -> Option<(u32, u32, u32)> {
    let mut fields = token.split(':');
    let (hour, minute, second) = (fields.next()?, fields.next()?, fields.next()?);
    let whole =
        |field: &str| number(field, 1..=2).filter(|_| field.len() <= 2 && field.bytes().all(|b| b.is_ascii_digit()));
    Some((whole(hour)?, whole(minute)?, number(second, 1..=2)?))
}

fn month_of(token: &str) -> Option<u32> {
    let start = token.get(..3)?;
    let index = MONTHS.iter().position(|month| start.eq_ignore_ascii_case(month))?;
    u32::try_from(index + 1).ok()
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Howard Hinnant's `days_from_civil`: years that begin in March, so that the leap day comes last.
/// <https://howardhinnant.github.io/date_algorithms.html>
fn days_since_1970(year: u32, month: u32, day: u32) -> i64 {
    let year = i64::from(year) - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * (i64::from(month) + if month > 2 { -3 } else { 9 }) + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        parse(text).map(|time| time.duration_since(UNIX_EPOCH).unwrap().as_secs())
    }

    #[test]
    fn every_shape_that_servers_write_is_read() {
        for text in [
            "Wed, 21 Oct 2015 07:28:00 GMT",
            "Wednesday, 21-Oct-15 07:28:00 GMT",
            "Wed Oct 21 07:28:00 2015",
            "Wed, 21-Oct-2015 07:28:00 UTC",
            "21 oct 2015 7:28:0",
            "Wed,21 October 2015 07:28:00 +0000",
            "2015 Oct 21 07:28:00",
        ] {
            // The last has its year first: four digits cannot be a day, so it is found all the same.
            assert_eq!(seconds(text), Some(1_445_412_480), "{text}");
        }
        assert_eq!(seconds("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(seconds("Mon, 01 Jan 1601 00:00:00 GMT"), Some(0));
        assert_eq!(seconds("Thu, 29 Feb 2024 23:59:59 GMT"), Some(1_709_251_199));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "0",
            "never",
            "31 Feb 2024 00:00:00",
            "1 Jan 2024",
            "1 Jan 2024 24:00:00",
            "1 Jan 1600 00:00:00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    /// httpdate agrees on every day it can write.
    #[test]
    fn days_are_counted_as_others_count_them() {
        for day in (0..80_000).step_by(7) {
            let time = UNIX_EPOCH + Duration::from_secs(day * 86_400 + 3_723);
            assert_eq!(parse(&httpdate::fmt_http_date(time)), Some(time));
        }
    }
}
