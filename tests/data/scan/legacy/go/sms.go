package sms

import (
	"fmt"
	"net/url"
)

const base = "http://api.mspace.co.ke/mspaceservice/wr/sms"

func Send(user, pass, to, text string) (string, error) {
	u := fmt.Sprintf("%s/sendtext/username=%s/password=%s/senderid=%s/recipient=%s/message=%s",
		base, url.PathEscape(user), url.PathEscape(pass), url.PathEscape(sender), url.PathEscape(to), url.PathEscape(text))
	return get(u)
}

func Balance(user, pass string) (string, error) {
	return get(base + "/balance/username=" + url.QueryEscape(user) + "/password=" + url.QueryEscape(pass))
}
