//! Dates as HTTP and WebDAV write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::base::Timestamp;

/// The last second that an HTTP date can write: 9999-12-31T23:59:59Z.
const SECONDS_MAX: u64 = 253_402_300_799;

/// A timestamp as the standard library's type, clamped to the years 1970 to 9999 that HTTP dates
/// can write.
pub(super) fn system_time(time: Timestamp) -> SystemTime {
    let seconds = u64::try_from(time.seconds).unwrap_or(0).min(SECONDS_MAX);
    let nanos = if time.seconds < 0 { 0 } else { time.nanos };
    UNIX_EPOCH + Duration::new(seconds, nanos)
}

/// The other way round; times before 1970 become 1970.
pub(super) fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::new(i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_nanos())
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7): `getlastmodified`.
pub(super) fn http_date(time: Timestamp) -> String {
    httpdate::fmt_http_date(system_time(time))
}

/// Reads any of the three forms that RFC 9110 §5.6.7 tells recipients to accept.
pub(super) fn parse_http_date(text: &str) -> Option<Timestamp> {
    httpdate::parse_http_date(text.trim()).ok().map(timestamp)
}

/// `1994-11-06T08:49:37Z` (RFC 3339) without a fraction, which Windows does not read:
/// `creationdate`.
pub(super) fn iso_date(time: Timestamp) -> String {
    let seconds = time.seconds.clamp(0, i64::try_from(SECONDS_MAX).unwrap_or(i64::MAX));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a number of days since 1970-01-01, in the Gregorian calendar.
///
/// Counts years from March, so that the leap day comes last and months have a regular length.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_http_date_reads_back() {
        let time = Timestamp::new(784_111_777, 0);
        assert_eq!(http_date(time), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(time));
        assert_eq!(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), Some(time));
        assert_eq!(parse_http_date("yesterday"), None);
    }

    #[test]
    fn iso_dates_know_the_calendar() {
        let at = |seconds| iso_date(Timestamp::new(seconds, 999));
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(at(951_868_800), "2000-03-01T00:00:00Z");
        assert_eq!(at(4_107_542_399), "2100-02-28T23:59:59Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00Z");
    }

    #[test]
    fn times_out_of_range_are_clamped_and_never_panic() {
        for seconds in [i64::MIN, -1, i64::MAX] {
            let time = Timestamp::new(seconds, 5);
            assert!(http_date(time).ends_with("GMT"));
            assert!(iso_date(time).ends_with('Z'));
        }
    }
}
