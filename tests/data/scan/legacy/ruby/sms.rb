require 'net/http'
class Sms
  def send_text(to, text)
    url = "http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/username=#{@user}/password=#{@password}/senderid=#{SENDER}/recipient=#{to}/message=#{CGI.escape(text)}"
    Net::HTTP.get(URI(url))
  end
end
