const
  MSPACE_URL = 'https://www.mspace.co.ke/mspaceservice/wr/sms/';

function Balance: string;
begin
  Result := Http.Get(Format('%sbalance/username=%s/password=%s', [MSPACE_URL, 'kuku', Password]));
end;
