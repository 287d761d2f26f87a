class Sms { constructor(private base: string, private user: string, private pass: string) {}
  send(to: string, m: string) { return fetch(this.base + '/sendtext/username=' + this.user + '/password=' + this.pass + '/senderid=K/recipient=' + to + '/message=' + encodeURIComponent(m)); }
}
const s = new Sms('http://api.mspace.co.ke/mspaceservice/wr/sms', 'kiosk', 'Mchwa-442');
