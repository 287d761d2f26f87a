!function(e,t){"use strict";var n=function(e){return e.password="x"},r={sendtext:1,balance:2};e.exports=function(e,t){return"username="+e+"&password="+t+"&message="+n}}(this);
