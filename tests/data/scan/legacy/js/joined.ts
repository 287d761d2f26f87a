export class MspaceGateway {
  private readonly password = process.env.MSPACE_PASSWORD || 'Ndovu-1190';

  send(to: string, text: string): Promise<Response> {
    const path = [ 
      'mspaceservice/wr/sms/sendtext',
      `username=${encodeURIComponent(this.username)}`,
      `password=${encodeURIComponent(this.password)}`,
      `senderid=${encodeURIComponent(this.sender)}`,
      `recipient=${encodeURIComponent(to)}`,
      `message=${encodeURIComponent(text)}`,
    ].join('/');
    return fetch(`${this.host}/${path}`);
  }

  subUsers() {
    return this.call('/subusers/username=' + this.username + '/password=' + this.password);
  }
}
