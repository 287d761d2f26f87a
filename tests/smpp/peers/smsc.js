// npm's smpp as an SMSC: answers after `delay` ms, tells its port on standard output, and what it took as it ends.
// It refuses the sender BAD, throttles the sender BUSY once, and delivers a receipt and a long text to a receiver.
const smpp = require('smpp');
const delay = Number(process.argv[2] || 0);
const answers = [];
let taken = 0;
let throttled = false;

function receipt(session) {
  session.deliver_sm({
    esm_class: 4, source_addr: '254722000000', destination_addr: 'MSPACE',
    short_message: 'id:1 sub:001 dlvrd:001 submit date:2601010000 done date:2601010001 stat:DELIVRD err:000',
  }, (answer) => {
    answers.push(answer.command_status);
    session.deliver_sm({source_addr: '254722000000', destination_addr: '40404', data_coding: 8,
      short_message: 'habari \u{1f600}'}, (second) => answers.push(second.command_status));
  });
}

function status(pdu) {
  if (pdu.source_addr === 'BAD') return smpp.ESME_RINVSRCADR;
  if (pdu.source_addr === 'BUSY' && !throttled) {
    throttled = true;
    return smpp.ESME_RTHROTTLED;
  }
  return smpp.ESME_ROK;
}

const server = smpp.createServer({}, (session) => {
  const bind = (pdu) => {
    const right = pdu.password === 'letmein';
    session.send(pdu.response(right ? {} : {command_status: smpp.ESME_RINVPASWD}));
    if (right && pdu.command === 'bind_receiver') receipt(session);
  };
  session.on('bind_transmitter', bind);
  session.on('bind_receiver', bind);
  session.on('submit_sm', (pdu) => {
    const command_status = status(pdu);
    const answer = pdu.response(command_status ? {command_status} : {message_id: String(++taken)});
    if (delay) setTimeout(() => session.send(answer), delay);
    else session.send(answer);
  });
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => { session.send(pdu.response()); session.close(); });
  session.on('error', () => {});
});

server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => { console.log(JSON.stringify({taken, answers})); process.exit(0); }).resume();
