export class SmsClient {
  private async get<T>(endpoint: string): Promise<T> {
    const r = await fetch(`http://api.mspace.co.ke/mspaceservice/wr/sms/${endpoint}`);
    return r.json() as Promise<T>;
  }
  async send(c: Creds, recipient: string, message: string) {
    return this.get(`sendtext/username=${c.username}/password=${c.password}/senderid=${c.senderId}/recipient=${recipient}/message=${encodeURIComponent(message)}`);
  }
  async sub(c: Creds) { return this.get(`subusers/username=${encodeURIComponent(c.username)}/password=${encodeURIComponent(c.password)}`); }
}
