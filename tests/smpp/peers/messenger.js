// npm's smpp as a client of our SMSC: sends a message, takes its receipt, and tells what it saw as JSON.
const smpp = require('smpp');
const address = {url: 'smpp://127.0.0.1:' + process.argv[2]};
const account = {system_id: 'demo', password: 'smpp-pwd'};
const told = {};
const sending = smpp.connect(address, () => sending.bind_transmitter(account, bound => {
  told.bound = bound.command_status;
  const message = {source_addr_ton: 5, source_addr: 'MSPACE', destination_addr: '254722000001',
                   registered_delivery: 1, short_message: 'Habari \u2603'};
  sending.submit_sm(message, taken => {
    told.taken = [taken.command_status, taken.message_id];
    sending.unbind(() => {
      sending.close();
      const receiving = smpp.connect(address, () => receiving.bind_receiver(account));
      receiving.on('deliver_sm', receipt => {
        told.receipt = [receipt.esm_class, receipt.source_addr, receipt.short_message.message];
        receiving.send(receipt.response());
        receiving.unbind(() => { receiving.close(); console.log(JSON.stringify(told)); });
      });
    });
  });
}));
