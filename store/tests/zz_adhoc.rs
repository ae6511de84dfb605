//! adhoc
use std::sync::Arc; use std::time::Instant;
use cairn_store::{meta,chunk,MetaStore}; use cairn_store::model::*; use cairn_shared::*;
fn row(n:u64)->Row{ let mut d=[0u8;32]; d[..8].copy_from_slice(&n.wrapping_mul(0x9E3779B97F4A7C15).to_be_bytes()); d[8..16].copy_from_slice(&n.to_be_bytes()); Row{digest:ChunkDigest::new(d),length:65536}}
fn rec(r:Row)->ChunkRecord{ChunkRecord{length:r.length,crc32:1,state:ChunkState::Present,generation:0,locator:Locator{store:0,key:format!("{}/{}.0",&r.digest.to_string()[..2],r.digest),offset:0,length:r.length,codec:Codec::Plain}}}
async fn start(s:&dyn MetaStore,n:u8)->SessionId{ let f=FileFields{name:"a".parse().unwrap(),path:None,mtime:None,media_type:None,meta:None,size:None,rule:ChunkRule::FastCdc}; s.start(NewSession{id:SessionId::new([n;16]),owner:OwnerId::new([1;16]),ownerless:false,key:None,fields:f,now:0,expires_at:1<<40}).await.unwrap().0.id }
#[tokio::test(flavor="multi_thread")] async fn perf(){
  let dir=tempfile::TempDir::new_in(std::env::var("ADHOC").unwrap_or("/tmp".into())).unwrap();
  let s:Arc<dyn MetaStore>=meta::open(dir.path()).unwrap();
  let n=20_480u64; let id=start(&*s,1).await;
  let t=Instant::now();
  for at in (0..n).step_by(4096){ let rows=(at..(at+4096).min(n)).map(row).collect(); s.declare_rows(id,0,at as u32,rows,None,1).await.unwrap(); }
  eprintln!("declare {n}: {:?}",t.elapsed());
  let t=Instant::now();
  let mut js=vec![]; for k in 0..32u64 { let s=s.clone(); js.push(tokio::spawn(async move { let mut i=k; while i<n { let r=row(i); s.placement(r.digest).await.unwrap(); s.arrive(id,i as u32,r,rec(r),0,1).await.unwrap(); i+=32; } })); }
  for j in js { j.await.unwrap(); } eprintln!("arrive {n} x32: {:?}",t.elapsed());
  let t=Instant::now(); let a=s.arrived(id,0,10000).await.unwrap(); eprintln!("arrived: {:?} {:?}",t.elapsed(),a.0.pairs());
  let t=Instant::now(); let (_,f)=s.publish(Publish{session:id,revision:None,chunks:None,size:Some(n*65536),manifest_digest:None,file:FileId::new([1;16]),link:None,now:1}).await.unwrap(); eprintln!("publish: {:?}",t.elapsed());
  let id2=start(&*s,2).await; let t=Instant::now();
  for at in (0..n).step_by(4096){ let rows=(at..(at+4096).min(n)).map(row).collect(); s.declare_rows(id2,0,at as u32,rows,None,1).await.unwrap(); }
  eprintln!("declare have {n}: {:?}",t.elapsed());
  s.remove_file(f.id,2).await.unwrap(); s.end_session(id2,false,2).await.unwrap();
  let t=Instant::now(); let mut k=0; while s.sweep(3,0).await.unwrap() {k+=1;} eprintln!("sweep {k}: {:?}",t.elapsed());
  let t=Instant::now(); let d=s.doom(9,1000).await.unwrap(); eprintln!("doom {}: {:?}",d.len(),t.elapsed());
  drop(s); let t=Instant::now(); let s=meta::open(dir.path()).unwrap(); eprintln!("reopen {:?}",t.elapsed()); drop(s);
  std::fs::remove_dir_all(dir.path().join("index")).unwrap(); let t=Instant::now(); let _s=meta::open(dir.path()).unwrap(); eprintln!("rebuild {:?}",t.elapsed());
  let o=std::process::Command::new("du").arg("-sk").arg(dir.path().join("log")).arg(dir.path().join("index")).output().unwrap(); eprintln!("{}",String::from_utf8_lossy(&o.stdout));
}
#[tokio::test(flavor="multi_thread")] async fn full(){
  let Ok(d)=std::env::var("SMALL") else {return}; let d=std::path::Path::new(&d);
  let s=meta::open(d).unwrap(); let id=start(&*s,1).await; let mut at=0u32; let mut res=vec![];
  for k in 0..200 { let rows=(at as u64..at as u64+500).map(row).collect(); match s.declare_rows(id,0,at,rows,None,1).await { Ok(_)=>at+=500, Err(e)=>{ res.push(format!("{k} {e:?}")); if res.len()>4 {break} } } }
  eprintln!("{at} rows, {res:?}"); drop(s);
  let e=meta::open(d).map(|_|()); eprintln!("reopen {e:?}");
  let c=chunk::open(d); eprintln!("{:?}", c.as_ref().err());
  if let Ok(c)=c { let mut w=c.begin(8<<20).await.unwrap(); let r=w.write(bytes::Bytes::from(vec![1;4<<20])).await; eprintln!("chunk write {r:?}"); drop(w); eprintln!("tmp {}", std::fs::read_dir(d.join("tmp")).unwrap().count()); }
}
