const balance = await web3.eth.getBalance(account, 'latest');
const wei = await provider.getBalance(address, password);
