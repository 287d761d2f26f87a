// npm's smpp as a client, for the benchmark: messages a second at each window, one line of JSON for each line it reads.
// A line is: window messages
const smpp = require('smpp');
const readline = require('readline');
const session = smpp.connect({url: `smpp://127.0.0.1:${process.argv[2]}`}, () => {
  session.bind_transmitter({system_id: 'demo', password: 'letmein'}, () => console.log('bound'));
});

function run(window, messages) {
  let sent = 0;
  let answered = 0;
  const began = process.hrtime.bigint();
  const next = () => {
    sent += 1;
    session.submit_sm({source_addr: 'MSPACE', destination_addr: '254722000000', short_message: 'hi',
      registered_delivery: 1}, () => {
      answered += 1;
      if (sent < messages) next();
      else if (answered === messages) console.log(messages / (Number(process.hrtime.bigint() - began) / 1e9));
    });
  };
  while (sent < Math.min(window, messages)) next();
}

readline.createInterface({input: process.stdin})
  .on('line', (line) => run(...line.split(' ').map(Number)))
  .on('close', () => process.exit(0));
