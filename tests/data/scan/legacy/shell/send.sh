#!/bin/bash
# Usage: send.sh NUMBER TEXT
SMS_USER=kioskdemo
SMS_PASS='Kanga-2290'
BASE=http://api.mspace.co.ke/mspaceservice/wr/sms
curl -s "$BASE/sendtext/username=$SMS_USER/password=$SMS_PASS/senderid=KIOSK/recipient=$1/message=$2"
curl -s http://api.mspace.co.ke/mspaceservice/wr/sms/balance/username=kioskdemo/password=Kanga-2290
