//! The SOCKS5 side of the proxy: RFC 1928, with user and password by RFC 1929. CONNECT only.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{ProxyProtocol, Shared};

const VERSION: u8 = 5;
const NO_AUTH: u8 = 0;
const USER_PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xff;
const CONNECT: u8 = 1;

const SUCCEEDED: u8 = 0;
const HOST_UNREACHABLE: u8 = 4;
const REFUSED: u8 = 5;
const COMMAND_UNKNOWN: u8 = 7;

pub(super) async fn serve(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    expect(client.read_u8().await?, VERSION)?;
    let methods = sized(&mut client).await?;
    let wanted = if shared.credentials.is_some() {
        USER_PASSWORD
    } else {
        NO_AUTH
    };
    if !methods.contains(&wanted) {
        shared.admit(ProxyProtocol::Socks5, String::new(), None);
        return client.write_all(&[VERSION, NO_METHOD]).await;
    }
    client.write_all(&[VERSION, wanted]).await?;
    let mut shown = None;
    if wanted == USER_PASSWORD {
        expect(client.read_u8().await?, 1)?;
        let user = text(sized(&mut client).await?);
        shown = Some((user, text(sized(&mut client).await?)));
        if shown != shared.credentials {
            shared.admit(ProxyProtocol::Socks5, String::new(), shown);
            return client.write_all(&[1, 1]).await;
        }
        client.write_all(&[1, 0]).await?;
    }
    expect(client.read_u8().await?, VERSION)?;
    let command = client.read_u8().await?;
    client.read_u8().await?;
    let (host, port) = (host(&mut client).await?, client.read_u16().await?);
    shared.admit(ProxyProtocol::Socks5, format!("{host}:{port}"), shown);
    if command != CONNECT {
        return reply(&mut client, COMMAND_UNKNOWN).await;
    }
    match shared.connect(&host, port).await {
        Ok(mut target) => {
            reply(&mut client, SUCCEEDED).await?;
            tokio::io::copy_bidirectional(&mut client, &mut target).await.map(drop)
        }
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => reply(&mut client, REFUSED).await,
        Err(_) => reply(&mut client, HOST_UNREACHABLE).await,
    }
}

async fn host(client: &mut TcpStream) -> io::Result<String> {
    match client.read_u8().await? {
        1 => Ok(Ipv4Addr::from(client.read_u32().await?).to_string()),
        3 => Ok(text(sized(client).await?)),
        4 => Ok(format!("[{}]", Ipv6Addr::from(client.read_u128().await?))),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// The bound address is not told: clients of CONNECT have no use for it.
async fn reply(client: &mut TcpStream, code: u8) -> io::Result<()> {
    client.write_all(&[VERSION, code, 0, 1, 0, 0, 0, 0, 0, 0]).await
}

async fn sized(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; client.read_u8().await?.into()];
    client.read_exact(&mut bytes).await?;
    Ok(bytes)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

fn expect(found: u8, expected: u8) -> io::Result<()> {
    if found == expected {
        Ok(())
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}
