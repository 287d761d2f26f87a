Imports System.Net
Public Module Sms
    ' It's the old gateway
    Const Pwd As String = "Simba!90"
    Public Function SendSms(recipient As String, msg As String) As String
        Dim url As String = "http://api.mspace.co.ke/mspaceservice/wr/sms/sendtext/username=" & UserName & _
            "/password=" & Pwd & "/senderid=" & SenderId & _
            "/recipient=" & recipient & _
            "/message=" & HttpUtility.UrlEncode(msg)
        Dim web As New WebClient()
        Return web.DownloadString(url)
    End Function
    Public Function Balance() As String
        Return New WebClient().DownloadString($"{BaseUrl}/balance/username={UserName}/password={Pwd}")
    End Function
End Module
