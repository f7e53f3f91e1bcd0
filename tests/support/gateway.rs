//! Runs the `sealgate` binary: to its end, or as a gateway that is stopped with a signal.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// A secret that no other text of a test contains.
pub const SECRET: &str = "correct-horse-battery-staple";

/// Longest wait for anything a gateway does.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A directory for one test, with a home of its own.
pub struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file with `mode`.
    pub fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// A file with [`SECRET`].
    pub fn secret_file(&self) -> PathBuf {
        self.file("secret", &format!("{SECRET}\n"), 0o600)
    }

    /// The binary with a clean environment.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealgate"));
        command.args(args).env_clear().env("HOME", self.dir.path()).current_dir(self.dir.path());
        command.stdin(Stdio::null());
        command
    }

    /// Runs to the end.
    pub fn run(&self, args: &[&str]) -> Ended {
        Ended::from(self.command(args).output().unwrap())
    }

    /// Makes an encrypted volume `v` with [`SECRET`].
    pub fn volume(&self) {
        let secret = self.secret_file();
        let ended = self.run(&["volume", "create", "./v", "--secret-file", utf8(&secret)]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }

    /// Starts a gateway on free ports and waits for its ready line.
    pub fn serve(&self, args: &[&str]) -> Gateway {
        let ports = ["--nfs", ":0", "--webdav", ":0", "--admin", ":0"];
        let args = [&["serve"], args, &ports].concat();
        Gateway::start(self.command(&args))
    }
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ended {
    /// The command failed with `code`, said so in one line of its own, and gave no result.
    #[track_caller]
    pub fn refused(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        let error = self.stderr.lines().find(|line| line.starts_with("Error: "));
        let error = error.unwrap_or_else(|| panic!("no `Error: ` line: {self:?}"));
        for word in words {
            assert!(error.contains(word), "no {word:?} in {error:?}");
        }
    }
}

/// A running gateway. Killed when dropped, so that a failing test leaves nothing behind.
pub struct Gateway {
    child: Child,
    lines: Receiver<String>,
    stderr: Option<std::thread::JoinHandle<String>>,
    pub ready: String,
}

impl Gateway {
    pub fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut stderr = child.stderr.take().unwrap();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        let mut gateway = Self { child, lines, stderr: Some(stderr), ready: String::new() };
        match gateway.lines.recv_timeout(PATIENCE) {
            Ok(line) => gateway.ready = line,
            Err(error) => {
                let _ = gateway.child.kill();
                let log = gateway.stderr.take().unwrap().join().unwrap();
                panic!("no ready line ({error}): {log}");
            }
        }
        gateway
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The address behind `nfs=`, `webdav=` or `admin=` of the ready line.
    #[track_caller]
    pub fn addr(&self, service: &str) -> SocketAddr {
        let prefix = format!("{service}=");
        let word = self.ready.split(' ').find_map(|word| word.strip_prefix(&prefix));
        word.unwrap_or_else(|| panic!("no {service} in {}", self.ready)).parse().unwrap()
    }

    /// The next line on standard output.
    pub fn line(&self) -> Option<String> {
        self.lines.recv_timeout(PATIENCE).ok()
    }

    pub fn get(&self, service: &str, path: &str) -> Reply {
        self.ask(service, "GET", path, "")
    }

    pub fn ask(&self, service: &str, method: &str, path: &str, body: &str) -> Reply {
        let addr = self.addr(service);
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {addr}\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Reply { status, body: body.to_owned() }
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Sends `signal` and waits for the end.
    pub fn stop(mut self, signal: Signal) -> Ended {
        self.signal(signal);
        self.wait()
    }

    fn wait(&mut self) -> Ended {
        let status = self.child.wait().unwrap();
        let stderr = self.stderr.take().unwrap().join().unwrap();
        let stdout = self.lines.try_iter().collect::<Vec<_>>().join("\n");
        Ended { code: status.code(), stdout, stderr }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub body: String,
}

pub fn utf8(path: &Path) -> &str {
    path.to_str().unwrap()
}
