CREATE OR REPLACE PROCEDURE send_sms(p_to VARCHAR2, p_text VARCHAR2) IS
  v_url VARCHAR2(2000);
  v_password VARCHAR2(50) := 'Mamba-7001';
BEGIN
  -- it's called by the nightly job
  v_url := 'http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/username=kioskdemo/password=' || v_password
        || '/senderid=KIOSK/recipient=' || p_to || '/message=' || utl_url.escape(p_text, TRUE);
  v_reply := utl_http.request(v_url);
END;
