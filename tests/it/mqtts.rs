//! MQTT over TLS: mosquitto's clients with a certificate of our own, what is no TLS, and a new
//! certificate under open links.

use std::{net::SocketAddr, path::Path, process::Stdio, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::Command,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
        version::{TLS12, TLS13},
    },
};

use crate::harness::{Login, Peer, Server, Store, Visitor, until, within};

/// Writes a self-signed certificate for localhost and its key.
fn certify(folder: &Path) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("certificate.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
}

async fn secure(folder: &Path, settings: &[(&str, &str)]) -> Server {
    certify(folder);
    let file = |name| folder.join(name).to_str().unwrap().to_owned();
    let (certificate, key) = (file("certificate.pem"), file("key.pem"));
    let mut all = vec![
        ("PARLOR_MQTT__TLS__LISTEN", "127.0.0.1:0"),
        ("PARLOR_MQTT__TLS__CERTIFICATE", &certificate),
        ("PARLOR_MQTT__TLS__KEY", &key),
    ];
    all.extend(settings);
    Server::with(Store::Sqlite, &all).await
}

/// Connects, trusting only the certificate that now lies in `folder`.
async fn connect(
    address: SocketAddr,
    folder: &Path,
    versions: &[&'static SupportedProtocolVersion],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("certificate.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

#[tokio::test]
async fn both_versions_of_tls_carry_mqtt() {
    let folder = tempfile::tempdir().unwrap();
    let server = secure(folder.path(), &[]).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let address = server.address("mqtts");
    for (version, expected) in
        [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)]
    {
        let stream = connect(address, folder.path(), &[version]).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(expected));
        let mut peer = Peer::on(stream, 5).log_in(&Login::v5("x")).await.unwrap();
        peer.join(&room).await;
        assert_eq!(peer.publish(&format!("chat/{room}"), "sealed").await, 0);
        peer.events_until("sealed").await;
        peer.disconnect().await;
    }
    let status = Command::new("mosquitto_pub")
        .args([
            "-h",
            "localhost",
            "-p",
            &address.port().to_string(),
            "-q",
            "1",
            "-m",
            "by mosquitto",
        ])
        .args(["-t", &format!("chat/{room}"), "--cafile"])
        .arg(folder.path().join("certificate.pem"))
        .stdin(Stdio::null())
        .status();
    assert!(within("mosquitto_pub", status).await.unwrap().success());
    let chats = host.chats(&room).await;
    assert_eq!(chats.last().unwrap()["chat"], "by mosquitto");
}

#[tokio::test]
async fn what_is_no_tls_is_closed_and_a_handshake_has_a_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let server = secure(folder.path(), &[("PARLOR_LIMITS__CONNECT_MS", "300")]).await;
    let address = server.address("mqtts");
    let tls_1_0 = [22, 3, 1, 0, 5, 1, 0, 0, 1, 3];
    for bytes in [Login::v5("x").packet(), b"GET / HTTP/1.1\r\n\r\n".into(), tls_1_0.into(), vec![]]
    {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        let mut answer = Vec::new();
        // An alert may come first.
        let end = within("the end", stream.read_to_end(&mut answer)).await;
        assert!(end.is_err() || answer.first().is_none_or(|kind| *kind == 21), "{answer:?}");
    }
    assert!(connect(address, folder.path(), &[&TLS13]).await.is_ok());
    // TLS on the plain port is no MQTT.
    assert!(connect(server.mqtt, folder.path(), &[&TLS13]).await.is_err());
}

#[tokio::test]
async fn a_new_certificate_is_taken_on_sighup_and_links_stay() {
    let folder = tempfile::tempdir().unwrap();
    let server = secure(folder.path(), &[]).await;
    let address = server.address("mqtts");
    let first = connect(address, folder.path(), &[&TLS13]).await.unwrap();
    let mut first = Peer::on(first, 5).log_in(&Login::v5("first")).await.unwrap();
    certify(folder.path());
    assert!(connect(address, folder.path(), &[&TLS13]).await.is_err(), "still the old one");
    server.signal("HUP").await;
    until("the new certificate", || async {
        connect(address, folder.path(), &[&TLS13]).await.is_ok()
    })
    .await;
    first.ping().await;
    // One that is no good changes nothing.
    let good = std::fs::read(folder.path().join("certificate.pem")).unwrap();
    std::fs::write(folder.path().join("certificate.pem"), "nonsense").unwrap();
    server.signal("HUP").await;
    until("the word about it", || async { server.log().contains("the old certificate stays") })
        .await;
    std::fs::write(folder.path().join("certificate.pem"), good).unwrap();
    assert!(connect(address, folder.path(), &[&TLS13]).await.is_ok());
    first.ping().await;
}

#[tokio::test]
async fn a_certificate_that_does_not_fit_is_no_start() {
    let folder = tempfile::tempdir().unwrap();
    let server = secure(folder.path(), &[]).await;
    let missing = folder.path().join("missing.pem");
    for (setting, told) in [
        ("mqtt.tls.certificate=".to_owned(), "mqtt.tls.certificate"),
        (format!("mqtt.tls.key={}", missing.display()), "missing.pem"),
        ("mqtt.tls.listen=somewhere".to_owned(), "somewhere"),
    ] {
        let mut parlor = server.command();
        parlor.args(["--set", &setting, "--set", "server.data_dir=other"]);
        let output = within("the refusal to start", parlor.output()).await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(told), "{said}");
    }
}
