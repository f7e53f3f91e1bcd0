//! The command line keeps docs/cli-contract.md: exit codes, messages, secrets, ready line, stop.
#![cfg(unix)]
#![expect(missing_docs, reason = "tests are claims by name")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends at a surprise")]

#[path = "support/gateway.rs"]
mod support;

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::{Ended, Gateway, PATIENCE, Place, SECRET, utf8};

#[test]
fn a_command_line_that_makes_no_sense_exits_2() {
    let place = Place::new();
    for args in [
        &["serve"][..],
        &["serve", "./v", "--unknown"],
        &["serve", "./v", "--secret-file", "a", "--creds-file", "b"],
        &["serve", "--sse", "./v"],
        &["serve", "./v", "--allow", "everybody"],
        &["serve", "./v", "--nfs", "2049"],
        &["serve", "./v", "--nfs", ":7777", "--admin", ":7777"],
        &["serve", "ftp://x/y"],
        &["volume", "create", "./v", "--name", "a/b"],
        &["volume", "create", "./v", "--encryption", "rot13"],
        &["volume", "create", "s3://b/p?endpoint=http://u:hunter22@h/"],
    ] {
        let ended = place.run(args);
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert_eq!(ended.stdout, "", "{args:?}");
        assert!(!ended.stderr.contains("hunter22"), "{ended:?}");
    }
    assert!(!place.path("v").exists(), "nothing was made");
}

#[test]
fn help_and_version_exit_0_on_standard_output() {
    let place = Place::new();
    let version = place.run(&["--version"]);
    assert_eq!(version.code, Some(0));
    assert_eq!(version.stdout, concat!("sealgate ", env!("CARGO_PKG_VERSION"), "\n"));
    let help = place.run(&["serve", "--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    for word in ["--creds-file", "ready nfs=", "Examples:", "SEALGATE_SECRET"] {
        assert!(help.stdout.contains(word), "{word}");
    }
}

#[test]
fn an_unknown_config_key_is_named_with_its_file() {
    let place = Place::new();
    let config = place.file("c.toml", "[nfs]\nlisten = \":0\"\nlisten_on = \":1\"\n", 0o600);
    let ended = place.run(&["serve", "./v", "--config", utf8(&config)]);
    ended.refused(17, &["`listen_on`", "c.toml", "line 3"]);
    place.run(&["serve", "./v", "--config", "missing.toml"]).refused(17, &["missing.toml"]);
}

#[test]
fn a_config_file_with_secrets_that_others_may_read_is_refused() {
    let place = Place::new();
    let text = "[volume.v]\nurl = \"./v\"\ncredentials = { secret_access_key = \"hunter22\" }\n";
    let config = place.file("c.toml", text, 0o644);
    let ended = place.run(&["volume", "info", "v", "--config", utf8(&config)]);
    ended.refused(17, &["chmod 600", "c.toml"]);
    assert!(!ended.stderr.contains("hunter22"), "{ended:?}");
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o600)).unwrap();
    place.run(&["volume", "info", "v", "--config", utf8(&config)]).refused(11, &["no volume"]);
}

#[test]
fn files_with_secrets_that_others_may_read_are_refused_with_the_chmod() {
    let place = Place::new();
    for mode in [0o644, 0o640, 0o604] {
        let creds = place.file("creds.toml", &format!("secret = \"{SECRET}\"\n"), mode);
        let ended = place.run(&["serve", "./v", "--creds-file", utf8(&creds)]);
        ended.refused(16, &["readable by others", "chmod 600", "creds.toml"]);
        let secret = place.file("secret", SECRET, mode);
        let ended = place.run(&["serve", "./v", "--secret-file", utf8(&secret)]);
        ended.refused(16, &["readable by others", "chmod 600"]);
        assert!(!ended.stderr.contains(SECRET));
    }
}

#[test]
fn keys_of_a_credentials_file_that_mean_nothing_are_refused_by_name() {
    let place = Place::new();
    for (line, words) in [
        ("adminAddr = \"https://x\"", &["`adminAddr`", "admin service"][..]),
        ("token = \"t\"", &["`token`", "admin service"]),
        ("sercet = \"x\"", &["unknown key `sercet`"]),
    ] {
        let creds = place.file("creds.toml", &format!("secret = \"{SECRET}\"\n{line}\n"), 0o600);
        let ended = place.run(&["serve", "./v", "--creds-file", utf8(&creds)]);
        ended.refused(16, words);
        assert!(!ended.stderr.contains(SECRET));
    }
    place.run(&["serve", "./v", "--creds-file", "missing"]).refused(16, &["missing"]);
}

#[test]
fn creds_init_writes_a_private_file_once() {
    let place = Place::new();
    let init = |args: &[&str], input: &str| {
        let mut command = place.command(&[&["creds", "init"], args].concat());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // It may refuse before it reads.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Ended::from(child.wait_with_output().unwrap())
    };
    init(&[], "short\n").refused(22, &["at least 8 characters"]);
    init(&[], "two\nlines of text\n").refused(22, &["more than one line"]);
    assert!(!place.path("creds.toml").exists());
    assert_eq!(init(&[], &format!("{SECRET}\n")).code, Some(0));
    let path = place.path("creds.toml");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(&format!("secret = \"{SECRET}\"")), "{text}");
    init(&[], "another secret\n").refused(23, &["creds.toml", "--force"]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    assert_eq!(init(&["--force"], "another secret\n").code, Some(0));
    assert!(std::fs::read_to_string(&path).unwrap().contains("another secret"));
}

#[test]
fn a_volume_is_created_once_and_never_over_something_else() {
    let place = Place::new();
    place.volume();
    let before = std::fs::read(place.path("v/volume.json")).unwrap();
    place.run(&["volume", "create", "./v"]).refused(15, &["volume already"]);
    assert_eq!(std::fs::read(place.path("v/volume.json")).unwrap(), before);
    std::fs::create_dir(place.path("full")).unwrap();
    std::fs::write(place.path("full/letter.txt"), "dear").unwrap();
    place.run(&["volume", "create", "./full"]).refused(15, &["not empty"]);
    let left: Vec<_> = std::fs::read_dir(place.path("full")).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing was added");
}

#[test]
fn info_needs_no_secret_and_shows_what_is_not_encrypted() {
    let place = Place::new();
    place.volume();
    let json = place.run(&["volume", "info", "./v", "--json"]);
    assert_eq!(json.code, Some(0), "{json:?}");
    let facts: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(facts["encryption"], "aes-256-gcm");
    assert_eq!(facts["id"].as_str().unwrap().len(), 32);
    assert_eq!(facts["slots"][0]["kind"], "passphrase");
    assert!(facts["secret_id"].as_str().unwrap().contains(':'));
    let text = place.run(&["volume", "info", "./v"]);
    assert!(text.stdout.contains(facts["id"].as_str().unwrap()) && text.stderr.is_empty());
    let open = place.run(&["volume", "create", "./open", "--encryption", "none"]);
    assert!(open.stderr.contains("NOT ENCRYPTED"), "{open:?}");
    let info = place.run(&["volume", "info", "./open"]);
    assert!(info.stderr.contains("NOT ENCRYPTED") && info.stdout.contains("NONE"), "{info:?}");
    place.run(&["volume", "info", "./nothing"]).refused(11, &["no volume"]);
}

#[test]
fn a_wrong_secret_is_refused_and_nothing_is_served() {
    let place = Place::new();
    place.volume();
    let wrong = place.file("wrong", "incorrect-horse", 0o600);
    let ended = place.run(&["serve", "./v", "--secret-file", utf8(&wrong), "--nfs", ":0"]);
    ended.refused(10, &[]);
    assert!(ended.stderr.lines().any(|line| line == "Error: incorrect volume secret"), "{ended:?}");
    let short = place.file("short", "1234567", 0o600);
    let ended = place.run(&["serve", "./v", "--secret-file", utf8(&short)]);
    ended.refused(22, &["at least 8 characters"]);
}

#[test]
fn without_a_person_and_without_a_secret_a_start_fails() {
    let place = Place::new();
    place.volume();
    let free = ["--nfs", ":0", "--webdav", ":0", "--admin", ":0"];
    place.run(&[&["serve", "./v"], &free[..]].concat()).refused(21, &["--creds-file"]);
    assert_eq!(place.run(&["volume", "create", "./later"]).code, Some(0));
    place.run(&[&["serve", "./later"], &free[..]].concat()).refused(21, &["no secret yet"]);
    place.run(&[&["serve", "./none"], &free[..]].concat()).refused(11, &["no volume"]);
}

#[test]
fn a_secret_for_a_volume_without_encryption_is_refused() {
    let place = Place::new();
    let secret = place.secret_file();
    let create = ["volume", "create", "./open", "--encryption", "none"];
    let both = [&create[..], &["--secret-file", utf8(&secret)]].concat();
    place.run(&both).refused(25, &["--encryption none"]);
    assert_eq!(place.run(&create).code, Some(0));
    let free = ["--nfs", ":0", "--webdav", ":0", "--admin", ":0"];
    let args = [&["serve", "./open", "--secret-file", utf8(&secret)], &free[..]].concat();
    place.run(&args).refused(25, &["not encrypted"]);
    let gateway = place.serve(&["./open"]);
    let ended = gateway.stop(Signal::TERM);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("NOT ENCRYPTED"), "{ended:?}");
}

#[test]
fn addresses_that_would_open_the_volume_are_refused() {
    let place = Place::new();
    place.volume();
    let secret = place.secret_file();
    let serve = ["serve", "./v", "--secret-file", utf8(&secret)];
    for (flag, words) in [
        ("--nfs", &["NFS", "--allow"][..]),
        ("--webdav", &["WebDAV", "authentication"]),
        ("--admin", &["admin", "--allow"]),
    ] {
        place.run(&[&serve[..], &[flag, "0.0.0.0:0"]].concat()).refused(18, words);
    }
    let allowed = ["./v", "--secret-file", utf8(&secret), "--allow", "10.9.8.0/24"];
    let ports = ["--nfs", "0.0.0.0:0", "--webdav", "none", "--admin", ":0"];
    let gateway = Gateway::start(place.command(&[&["serve"], &allowed[..], &ports].concat()));
    assert!(gateway.ready.starts_with("ready nfs=0.0.0.0:"), "{}", gateway.ready);
    assert!(gateway.ready.contains(" webdav=none "), "{}", gateway.ready);
    assert_eq!(gateway.stop(Signal::TERM).code, Some(0));
}

#[test]
fn an_address_in_use_is_named_and_the_volume_stays_with_its_gateway() {
    let place = Place::new();
    place.volume();
    let secret = place.secret_file();
    let gateway = place.serve(&["./v", "--secret-file", utf8(&secret)]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    for flag in ["--nfs", "--webdav", "--admin"] {
        let free = ["--nfs", ":0", "--webdav", ":0", "--admin", ":0"];
        let others: Vec<_> =
            free.chunks(2).filter(|pair| pair[0] != flag).flatten().copied().collect();
        let serve = ["serve", "./v", "--secret-file", utf8(&secret), flag, &addr];
        place.run(&[&serve[..], &others].concat()).refused(14, &[&addr]);
    }
    assert_eq!(gateway.ask("webdav", "PUT", "/still-mine", "yes").status, 201);
    assert_eq!(gateway.stop(Signal::TERM).code, Some(0));
}

#[test]
fn a_gateway_says_ready_answers_and_stops_cleanly() {
    let place = Place::new();
    place.volume();
    let secret = place.secret_file();
    let gateway = place.serve(&["./v", "--secret-file", utf8(&secret)]);
    assert_eq!(gateway.ready.split(' ').count(), 4, "{}", gateway.ready);
    assert_eq!(gateway.get("admin", "/healthz").status, 200);
    let ready = gateway.get("admin", "/readyz");
    assert_eq!((ready.status, ready.body.trim()), (200, r#"{"ready":true,"reasons":[]}"#));
    assert_eq!(gateway.ask("webdav", "PUT", "/letter.txt", "dear reader").status, 201);
    let metrics = gateway.get("admin", "/metrics").body;
    for name in ["sealgate_store_requests_total{", "sealgate_build_info{", "sealgate_ready 1"] {
        assert!(metrics.contains(name), "no {name} in {metrics}");
    }
    let status = gateway.get("admin", "/v1/status").body;
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["volume"]["encryption"], "aes-256-gcm");
    assert_eq!(status["durability"]["tier"], "store");
    assert_eq!(status["listeners"]["nfs"], gateway.addr("nfs").to_string());
    let ended = gateway.stop(Signal::TERM);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{ended:?}");
    assert!(!ended.stderr.contains("letter.txt"), "the log names a file: {ended:?}");

    let again = place.serve(&["./v", "--secret-file", utf8(&secret)]);
    assert_eq!(again.get("webdav", "/letter.txt").body, "dear reader");
    assert_eq!(again.stop(Signal::INT).code, Some(0));
}

#[test]
fn the_secret_is_nowhere_to_be_seen_in_the_running_process() {
    let place = Place::new();
    place.volume();
    let ports = ["--nfs", ":0", "--webdav", ":0", "--admin", ":0"];
    let mut command = place.command(&[&["serve", "./v"], &ports[..]].concat());
    command.env("SEALGATE_SECRET", SECRET).env("SEALGATE_LOG", "trace");
    let gateway = Gateway::start(command);
    for file in ["environ", "cmdline"] {
        let path = format!("/proc/{}/{file}", gateway.pid());
        // Other systems have no /proc, and without privilege a hardened process shows nothing.
        let Ok(bytes) = std::fs::read(path) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(SECRET), "{file}");
        assert!(file == "cmdline" || text.contains("SEALGATE_LOG"), "{file} was not read");
    }
    let seen = [gateway.get("admin", "/v1/status").body, gateway.get("admin", "/metrics").body];
    let ended = gateway.stop(Signal::TERM);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!seen.concat().contains(SECRET) && !ended.stderr.contains(SECRET));
}

#[test]
fn a_volume_without_a_secret_takes_the_one_that_is_given_at_its_first_start() {
    let place = Place::new();
    assert_eq!(place.run(&["volume", "create", "./v"]).code, Some(0));
    let secret = place.secret_file();
    let gateway = place.serve(&["./v", "--secret-file", utf8(&secret)]);
    assert_eq!(gateway.stop(Signal::TERM).code, Some(0));
    let wrong = place.file("wrong", "incorrect-horse", 0o600);
    let free = ["--nfs", ":0", "--webdav", ":0", "--admin", ":0"];
    let args = [&["serve", "./v", "--secret-file", utf8(&wrong)], &free[..]].concat();
    place.run(&args).refused(10, &[]);
}

#[test]
fn serve_creates_when_asked_and_reads_only_when_asked() {
    let place = Place::new();
    let secret = place.secret_file();
    let gateway = place.serve(&["./v", "--secret-file", utf8(&secret), "--create"]);
    assert_eq!(gateway.ask("webdav", "PUT", "/a", "1").status, 201);
    assert_eq!(gateway.stop(Signal::TERM).code, Some(0));
    let gateway = place.serve(&["./v", "--secret-file", utf8(&secret), "--ro"]);
    assert_eq!(gateway.get("webdav", "/a").body, "1");
    let put = gateway.ask("webdav", "PUT", "/b", "2").status;
    assert!((400..500).contains(&put), "{put}");
    let status = gateway.get("admin", "/v1/status").body;
    assert!(status.contains(r#""read_only":true"#), "{status}");
    assert_eq!(gateway.stop(Signal::TERM).code, Some(0));
}

#[test]
fn a_second_gateway_fences_the_first_which_says_so() {
    let place = Place::new();
    place.volume();
    let secret = place.secret_file();
    let first = place.serve(&["./v", "--secret-file", utf8(&secret)]);
    let second = place.serve(&["./v", "--secret-file", utf8(&secret)]);
    assert_eq!(second.ask("webdav", "PUT", "/mine", "2").status, 201);
    let put = first.ask("webdav", "PUT", "/theirs", "1").status;
    assert!(put >= 400, "a fenced gateway acknowledged a write: {put}");
    let start = Instant::now();
    loop {
        let ready = first.get("admin", "/readyz");
        if ready.status == 503 && ready.body.contains(r#""code":"fenced""#) {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "{ready:?}");
        std::thread::park_timeout(Duration::from_millis(100));
    }
    assert_eq!(first.get("admin", "/healthz").status, 200);
    let ended = first.stop(Signal::TERM);
    assert!(matches!(ended.code, Some(0 | 13)), "{ended:?}");
    assert_eq!(second.get("webdav", "/mine").body, "2");
    assert_eq!(second.stop(Signal::TERM).code, Some(0));
}

#[test]
fn the_demo_starts_says_what_to_type_and_finds_everything_again() {
    let place = Place::new();
    let gateway = Gateway::start(place.command(&["demo", "./try"]));
    let text: String = std::iter::from_fn(|| gateway.line())
        .take_while(|line| !line.contains("Ctrl-C"))
        .collect::<Vec<_>>()
        .join("\n");
    for word in ["sudo mount -t nfs", "curl", "try.creds.toml"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let creds = place.path("try.creds.toml");
    assert_eq!(std::fs::metadata(&creds).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(gateway.ask("webdav", "PUT", "/kept", "kept").status, 201);
    let ended = gateway.stop(Signal::INT);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let again = Gateway::start(place.command(&["demo", "./try"]));
    assert_eq!(again.get("webdav", "/kept").body, "kept");
    assert_eq!(again.stop(Signal::INT).code, Some(0));
    std::fs::remove_file(creds).unwrap();
    place.run(&["demo", "./try"]).refused(21, &["try.creds.toml"]);
}
